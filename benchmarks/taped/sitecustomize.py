"""In the process of a function that is measured: AWS's answers come from a tape, so that nothing waits for them. Nor
does anything wait to keep below AWS's quotas.

Python imports this at its start, from the PYTHONPATH. The variable TAPE names a file. With RECORD set too, the process
calls AWS as always, and leaves there which clients it made and what they were answered; without, whoever asks the same
again is answered the same.
"""

import base64
import json
import os
import time
from pathlib import Path
from typing import Any

from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.client import ClientCreator
from botocore.httpsession import URLLib3Session

_TAPE = Path(os.environ["TAPE"])
_CALL, _MAKE = URLLib3Session.send, ClientCreator.create_client


def _asked(request: AWSPreparedRequest) -> str:
    target = request.headers.get("X-Amz-Target", b"")
    path = request.url.split("?")[0].split("/", 3)[3]
    return f"{request.method} /{path} {target.decode() if isinstance(target, bytes) else target}".strip()


def _record() -> None:
    clients: list[str] = []
    answers: list[dict[str, Any]] = []

    def make(creator: ClientCreator, service_name: str, *arguments: Any, **named: Any) -> Any:
        clients.append(service_name)
        return _MAKE(creator, service_name, *arguments, **named)

    def call(session: URLLib3Session, request: AWSPreparedRequest) -> AWSResponse:
        answer = _CALL(session, request)
        content = base64.b64encode(answer.content).decode()
        headers = dict(answer.headers.items())
        answers.append({"asked": _asked(request), "status": answer.status_code, "headers": headers, "content": content})
        _TAPE.write_text(json.dumps({"clients": clients, "answers": answers}))
        return answer

    ClientCreator.create_client, URLLib3Session.send = make, call


def _play() -> None:
    answers = iter(json.loads(_TAPE.read_text())["answers"])

    def call(session: URLLib3Session, request: AWSPreparedRequest) -> AWSResponse:
        answer = next(answers, {"asked": "nothing more"})
        if (asked := _asked(request)) != answer["asked"]:
            raise RuntimeError(f"the tape has {answer['asked']}, not {asked}")
        replayed = AWSResponse(request.url, answer["status"], answer["headers"], raw=None)
        replayed._content = base64.b64decode(answer["content"])
        return replayed

    URLLib3Session.send = call


time.sleep = lambda seconds: None
if os.environ.get("RECORD"):
    _record()
else:
    _play()
