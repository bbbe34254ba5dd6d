"""What a refused call looks like to the caller."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from botocore.exceptions import ClientError


@dataclass
class Refusal:
    code: str = ""
    status: int = 0
    message: str = ""
    response: dict[str, Any] = field(default_factory=dict)


@contextmanager
def refused(code: str, status: int = 400) -> Iterator[Refusal]:
    """The block must end in this error; what it says can be looked at afterwards."""
    refusal = Refusal()
    with pytest.raises(ClientError) as caught:
        yield refusal
    refusal.response = dict(caught.value.response)
    refusal.code = refusal.response["Error"]["Code"]
    refusal.message = refusal.response["Error"]["Message"]
    refusal.status = refusal.response["ResponseMetadata"]["HTTPStatusCode"]
    assert (refusal.code, refusal.status) == (code, status), refusal.message
