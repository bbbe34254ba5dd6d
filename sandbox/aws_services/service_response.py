"""The way in and out of a moto backend that keeps to its service model."""

from __future__ import annotations

import json
from collections.abc import Collection
from threading import RLock
from typing import Any, ClassVar
from urllib.parse import parse_qs, urlparse

from botocore.model import OperationModel, Shape
from moto.core.common_types import TYPE_RESPONSE
from moto.core.exceptions import JsonRESTError, ServiceException
from moto.core.responses import ActionContext, ActionResult, BaseResponse
from moto.core.serialize import DefaultAttributePicker
from moto.sts.models import sts_backends

from . import model
from .model import Path, Rule, Violation

# Calls are served one after another, so that "at most once per client token" also holds on a threaded server.
_one_at_a_time = RLock()


class ResponseBreaksModelError(AssertionError):
    """The backend produced a response that the real service could not: a defect of the backend."""


class CheckedResult(ActionResult):
    """A result that moto serialises by the service model and that is then held against that model."""

    def execute_result(self, context: ActionContext) -> TYPE_RESPONSE:
        # moto's own picker also tries aliases of a name; here every member has exactly its name in the model.
        serializer = context.serializer_class(
            operation_model=context.operation_model, value_picker=DefaultAttributePicker()
        )
        serialized = serializer.serialize(self.result)
        check_response(context.operation_model, serialized["body"])
        return serialized["status_code"], dict(serialized["headers"]), serialized["body"]


class WireResult(ActionResult):
    """A result that is in wire form already, such as stored findings; only its outermost members are checked."""

    def execute_result(self, context: ActionContext) -> TYPE_RESPONSE:
        body = json.dumps(self.result)
        members = context.operation_model.output_shape.members if context.operation_model.output_shape else {}
        check_response(context.operation_model, body, opaque=[(name,) for name in members])
        status = context.operation_model.http.get("responseCode", 200)
        return status, {"Content-Type": "application/json"}, body


def check_response(operation: OperationModel, body: str | bytes, *, opaque: Collection[Path] = ()) -> None:
    """Raise `ResponseBreaksModelError` when a response body breaches the operation's output shape.

    Nothing listed is no breach: Incident Manager's tags are bounded to one at least, in answers as in requests, and a
    resource without tags exists.
    """
    if operation.output_shape is None:
        return
    breaches = model.violations(operation.output_shape, json.loads(body or "{}"), opaque=opaque)
    found = [breach for breach in breaches if breach.rule is not Rule.MIN_LENGTH or breach.value]
    if found:
        raise ResponseBreaksModelError(f"{operation.name}: {model.message(found)}")


class SerializationError(JsonRESTError):
    """The body is no JSON object. Every service answers so, and no service model says it."""

    def __init__(self, message: str) -> None:
        super().__init__("SerializationException", message)


class InvalidRequestError(ServiceException):
    """The request breaches the service model; the code is the service's own word for that."""


class ServiceResponse(BaseResponse):
    """Reads, checks and answers the requests of one service.

    A subclass has one method per operation. It takes its parameters from `request()`, which refuses what the service
    model does not allow with the error `refusal_code` and a message that names the member.
    """

    refusal_code: ClassVar[str] = "ValidationException"

    def call_action(self) -> TYPE_RESPONSE:
        with _one_at_a_time:
            return super().call_action()

    def _get_action(self) -> str:
        # moto also looks for "Action=" in the body, and finds it in texts that quote a query string.
        if target := self.headers.get("X-Amz-Target"):
            return str(target).rpartition(".")[2]
        return self._get_action_from_method_and_request_uri(self.normalized_request)

    @property
    def operation(self) -> OperationModel:
        return model.operation_model(self.boto3_service_name, self._get_action())

    def request(self) -> dict[str, Any]:
        """The checked parameters of the call, as Python's types."""
        sent = self.sent()
        self.refuse(self.breaches(sent))
        return model.read(self._input_shape, sent) if self.operation.input_shape else {}

    def sent(self) -> dict[str, Any]:
        """The parameters of the call in wire form, from the body, the URI and the query, unchecked."""
        operation = self.operation
        try:
            parameters = json.loads(self.body or "{}")
        except ValueError as error:
            raise SerializationError("The request body is not JSON.") from error
        if not isinstance(parameters, dict):
            raise SerializationError("The request body is not a JSON object.")
        query = parse_qs(urlparse(self.uri).query, keep_blank_values=True)
        for name, shape in operation.input_shape.members.items() if operation.input_shape else ():
            location, wire_name = shape.serialization.get("location"), shape.serialization.get("name", name)
            if location == "uri" and wire_name in self.uri_match:
                parameters[name] = self.uri_match[wire_name]
            elif location == "querystring" and wire_name in query:
                parameters[name] = query[wire_name] if shape.type_name == "list" else query[wire_name][0]
        return parameters

    def breaches(self, sent: dict[str, Any], *, opaque: Collection[Path] = ()) -> list[Violation]:
        if self.operation.input_shape is None:
            return []
        return list(model.violations(self._input_shape, sent, opaque=opaque))

    def refuse(self, found: Collection[Violation]) -> None:
        if found:
            raise InvalidRequestError(self.refusal_code, model.message(found))

    @property
    def caller_arn(self) -> str:
        """The ARN of the role or user whose credentials signed the request."""
        sts = sts_backends[self.current_account][self.partition]
        return sts.get_caller_identity(self.get_access_key(), self.region)[1]

    @property
    def _input_shape(self) -> Shape:
        shape = self.operation.input_shape
        assert shape is not None
        return shape
