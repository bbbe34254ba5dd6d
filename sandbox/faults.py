"""Faults on request: AWS calls of functions that fail at a rate, so that anyone can see what then becomes of events.

A fault strikes single attempts, as AWS's own do: botocore parses the answer, or misses it, and retries as it would.
Whether it strikes the n-th attempt of an operation depends on the seed and on nothing else, so a run can be repeated.
A fault with a code that a batch operation reports for single items (`ConcurrentUpdateError`, `UnprocessedKeys`; see
`partial_failures`) strikes items: the others take effect.
"""

from __future__ import annotations

import difflib
import io
import json
import random
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, NoReturn
from xml.sax.saxutils import escape

import botocore.session
from botocore.awsrequest import AWSResponse
from botocore.exceptions import ConnectionClosedError, ReadTimeoutError, UnknownServiceError
from botocore.model import OperationModel, ServiceModel

from . import partial_failures
from .partial_failures import Split

ANY = "*"

LOST_RESPONSE = "LostResponse"
"""Instead of an error code: the call takes effect, then the connection is closed without an answer."""

TIMEOUT = "Timeout"
"""Instead of an error code: the call never arrives, and the client waits for its read time-out."""

EXAMPLE = "ssm-incidents:StartIncident=0.3, *:*=0.1 or dynamodb:*=0.2:LostResponse"

_FORM = re.compile(r"(?P<service>[^:=]+):(?P<operation>[^:=]+)=(?P<rate>[^:=]+)(?::(?P<code>[^:=]+))?")
_CODE = re.compile(r"[A-Za-z][A-Za-z0-9._-]{0,127}")

# What services call it that answer with these of their protocols, unless the operation's model has a word of its own
# (ThrottlingException, ProvisionedThroughputExceededException, TooManyRequestsException).
_THROTTLING = {"ec2": "RequestLimitExceeded", "query": "Throttling", "rest-xml": "SlowDown"}
_MODELED_THROTTLING = ("ProvisionedThroughputExceededException", "ThrottlingException", "TooManyRequestsException")


class FaultError(ValueError):
    """Not a fault that can be injected; the message says what is wrong and shows what is right."""


@dataclass(frozen=True, slots=True)
class Fault:
    """What shall go wrong: `rate` (0 to 1) of the attempts of an operation. Service and operation may be `*`.

    Names are those of `api_calls`. Without a code it is a throttle, as the service words it. With a code that the
    operation reports for items of a batch, `rate` is that of its items.
    """

    service: str
    operation: str
    rate: float
    code: str | None = None

    @classmethod
    def parse(cls, text: str) -> Fault:
        """Read `SERVICE:OPERATION=RATE[:CODE]`, names in any case. Checked against botocore's models.

        Raises
        ------
        FaultError
            For what has another form, a rate that is none, names that AWS does not have, and codes that only
            another operation has.

        >>> Fault.parse("SNS:publish=0.5")
        Fault(service='sns', operation='Publish', rate=0.5, code=None)
        """
        form = _FORM.fullmatch(text.strip())
        if form is None:
            _refuse(f"{text!r} is not SERVICE:OPERATION=RATE or SERVICE:OPERATION=RATE:CODE")
        service, operation = _known(form["service"].strip(), form["operation"].strip())
        return cls(service, operation, _rate(form["rate"]), _code(form["code"], service, operation))

    def concerns(self, model: OperationModel) -> bool:
        service, operation = model.service_model.service_name, model.name
        if self.service not in (ANY, service) or self.operation not in (ANY, operation):
            return False
        only = partial_failures.operation_of_code(self.code) if self.code else None
        return only in (None, (service, operation))

    def strikes_items(self, model: OperationModel) -> bool:
        """Whether it lets items of the operation's batches fail, and not calls."""
        batch = partial_failures.batch_operation(model)
        return batch is not None and self.code in batch.codes

    def __str__(self) -> str:
        code = f":{self.code}" if self.code else ""
        return f"{self.service}:{self.operation}={self.rate:g}{code}"


@dataclass(frozen=True, slots=True)
class Attempt:
    """One HTTP exchange that a function is about to have with an AWS service."""

    model: OperationModel
    url: str
    read_timeout_seconds: float
    body: bytes = b""


Answer = Callable[[bytes | None], AWSResponse]
"""Sends the attempt, with that body instead of its own if there is one, and gives what comes back."""


class Faults:
    """The faults of one run. Of several that strike an attempt, the first named is the one."""

    def __init__(self, faults: Iterable[Fault] = (), *, seed: int = 0) -> None:
        self.injected: Counter[str] = Counter()
        """How many attempts, or items of batches, each fault struck, by its text."""

        self._faults = tuple(faults)
        self._seed = seed
        self._draws: dict[tuple[int, str], random.Random] = {}

    def exchange(self, attempt: Attempt, answer: Answer, wait: Callable[[float], None]) -> AWSResponse:
        """What comes back for an attempt: its answer, unless a fault strikes. `wait` lets simulated seconds pass."""
        if (fault := self._strike(attempt.model)) is None:
            return self._answer(attempt, answer)
        self.injected[str(fault)] += 1
        if fault.code == LOST_RESPONSE:
            self._answer(attempt, answer)
            raise ConnectionClosedError(endpoint_url=attempt.url)
        if fault.code == TIMEOUT:
            wait(attempt.read_timeout_seconds)
            raise ReadTimeoutError(endpoint_url=attempt.url)
        code = fault.code or throttling_code(attempt.model)
        return error_response(attempt.model, attempt.url, code, f"Injected by the sandbox: --fault {fault}")

    def _answer(self, attempt: Attempt, answer: Answer) -> AWSResponse:
        """The answer to an attempt without the items that faults strike, which it reports."""
        struck: list[Fault] = []

        def strike() -> str | None:
            if (fault := self._strike(attempt.model, items=True)) is None:
                return None
            struck.append(fault)
            return fault.code

        batch = partial_failures.batch_operation(attempt.model)
        if batch is None or not any(fault.strikes_items(attempt.model) for fault in self._faults):
            return answer(None)
        if (split := partial_failures.split(batch, attempt.body, strike)) is None:
            return answer(None)
        response = _without_struck(split, attempt, answer)
        if response.status_code == _OK:
            self.injected.update(map(str, struck))
        return response

    def _strike(self, model: OperationModel, *, items: bool = False) -> Fault | None:
        # Every fault draws for every attempt or item that it concerns, so that none depends on those before it.
        struck = [
            fault
            for number, fault in enumerate(self._faults)
            if fault.concerns(model) and fault.strikes_items(model) == items and self._draw(number, model) < fault.rate
        ]
        return struck[0] if struck else None

    def _draw(self, number: int, model: OperationModel) -> float:
        stream = (number, f"{model.service_model.service_name}:{model.name}")
        if (draws := self._draws.get(stream)) is None:
            draws = self._draws[stream] = random.Random(f"{self._seed}/{stream[0]}/{stream[1]}")
        return draws.random()


_OK = 200


def _without_struck(split: Split, attempt: Attempt, answer: Answer) -> AWSResponse:
    rest, content = split.rest, None
    if rest is not None:
        response = answer(rest)
        if response.status_code != _OK:
            return response
        content = response.content
    return AWSResponse(attempt.url, _OK, {}, _RawAnswer(split.answer(content)))  # type: ignore[arg-type] # urllib3's


def throttling_code(model: OperationModel) -> str:
    """The error with which the operation's service says that it is called too often."""
    protocol = model.service_model.resolved_protocol
    if code := _THROTTLING.get(protocol):
        return code
    if "awsQueryCompatible" in model.service_model.metadata:  # it speaks JSON now, and keeps its words
        return _THROTTLING["query"]
    modeled = {shape.name for shape in model.error_shapes}
    return next((code for code in _MODELED_THROTTLING if code in modeled), _of_service(model.service_model))


def _of_service(model: ServiceModel) -> str:
    names = set(model.shape_names)
    return next((code for code in _MODELED_THROTTLING[1:] if code in names), "ThrottlingException")


def error_response(model: OperationModel, url: str, code: str, message: str) -> AWSResponse:
    """An error as the service answers with it: in its protocol, with the status that its model or its name tells."""
    service = model.service_model
    protocol = service.resolved_protocol
    if protocol.endswith("json"):
        # REST services name the code in a header, the others in the body; botocore reads either.
        headers, body = {"x-amzn-errortype": code}, json.dumps({"__type": code, "message": message})
    else:
        element = f"<Code>{escape(code)}</Code><Message>{escape(message)}</Message>"
        headers, body = {}, _XML[protocol].format(element)
    raw = _RawAnswer(body.encode())
    return AWSResponse(url, _status(service, code), headers, raw)  # type: ignore[arg-type] # urllib3's, in its place


_XML = {
    "ec2": "<Response><Errors><Error>{}</Error></Errors><RequestID>injected</RequestID></Response>",
    "query": "<ErrorResponse><Error>{}</Error><RequestId>injected</RequestId></ErrorResponse>",
    "rest-xml": "<Error>{}</Error>",
}


class _RawAnswer(io.BytesIO):
    """What botocore reads a body from."""

    def stream(self, **_: Any) -> Iterator[bytes]:
        yield self.read()


_STATUS = (
    (re.compile(r"internal", re.IGNORECASE), 500),
    (re.compile(r"ServiceUnavailable|SlowDown|^Unavailable"), 503),
)
_STATUS_OF_REST = (
    (re.compile(r"Thrott|TooManyRequests|RequestLimitExceeded|LimitExceeded"), 429),
    (re.compile(r"AccessDenied|Unauthorized|ExpiredToken|UnrecognizedClient|InvalidSignature"), 403),
    (re.compile(r"NotFound|NoSuch"), 404),
    (re.compile(r"Conflict"), 409),
)


def _status(service: ServiceModel, code: str) -> int:
    if (shape := service.shape_for_error_code(code)) is not None:  # type: ignore[arg-type] # botocore's own type is wrong
        if status := shape.metadata.get("error", {}).get("httpStatusCode"):
            return int(status)
        if shape.metadata.get("fault"):
            return 500
    by_name = _STATUS + (_STATUS_OF_REST if service.resolved_protocol.startswith("rest") else ())
    return next((status for pattern, status in by_name if pattern.search(code)), 400)


def _refuse(problem: str) -> NoReturn:
    raise FaultError(f"{problem}; right would be, for example, {EXAMPLE}")


def _rate(text: str) -> float:
    try:
        rate = float(text)
    except ValueError:
        rate = -1
    if not 0 <= rate <= 1:  # NaN neither
        _refuse(f"the rate {text!r} is not a number from 0 to 1")
    return rate


def _code(text: str | None, service: str, operation: str) -> str | None:
    if text is None:
        return None
    if not _CODE.fullmatch(text):
        _refuse(f"{text!r} is not an error code")
    known = (LOST_RESPONSE, TIMEOUT, *partial_failures.codes())
    code = next((code for code in known if code.lower() == text.lower()), text)
    only = partial_failures.operation_of_code(code)
    if only is not None and (service not in (ANY, only[0]) or operation not in (ANY, only[1])):
        _refuse(f"only {':'.join(only)} reports {code}")
    return code


def _known(service: str, operation: str) -> tuple[str, str]:
    """Both names as botocore spells them."""
    session = botocore.session.get_session()
    if service == ANY:
        return ANY, operation if operation == ANY else _operation_of_any(session, operation)
    try:
        model = session.get_service_model(service.lower())
    except UnknownServiceError:
        # As one word: botocore's secretsmanager, others' secrets-manager
        _refuse(f"there is no AWS service {service!r}{_meant(service.lower(), session.get_available_services())}")
    if operation == ANY:
        return model.service_name, ANY
    names = {name.lower(): name for name in model.operation_names}
    if (name := names.get(operation.lower())) is None:
        meant = _meant(operation.lower(), names)
        _refuse(f"the service {model.service_name} has no operation {operation!r}{meant}")
    return model.service_name, name


_LIKELY_SERVICES = (
    "dynamodb",
    "sns",
    "sqs",
    "ssm",
    "ssm-incidents",
    "securityhub",
    "organizations",
    "account",
    "config",
)


def _operation_of_any(session: Any, operation: str) -> str:
    """The operation, if any service has it; to say that none has takes some seconds."""
    for service in dict.fromkeys((*_LIKELY_SERVICES, *session.get_available_services())):
        for name in session.get_service_model(service).operation_names:
            if name.lower() == operation.lower():
                return str(name)
    _refuse(f"no AWS service has an operation {operation!r}")


def _meant(name: str, names: Iterable[str]) -> str:
    known = dict(names) if isinstance(names, dict) else {known: known for known in names}
    close = difflib.get_close_matches(name, known, n=1)
    return f" (did you mean {known[close[0]]}?)" if close else ""
