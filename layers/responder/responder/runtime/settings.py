"""A function's settings, read once at cold start. A missing or wrong one fails there, with its name."""

import os
import re
from collections.abc import Mapping
from datetime import timedelta


class InvalidSetting(ValueError):  # noqa: N818 - says what it is
    """An environment variable is missing or wrong. The message names it and what it should be."""


class Environment:
    """The function's environment variables, as the template sets them.

    Each method reads one variable and raises InvalidSetting, naming it, when it is missing or wrong.
    """

    def __init__(self, variables: Mapping[str, str] = os.environ) -> None:
        self._variables = variables

    def text(self, name: str) -> str:
        """A value that is not empty."""
        value = self._variables.get(name, "").strip()
        if not value:
            raise InvalidSetting(f"environment variable {name} is not set")
        return value

    def optional_text(self, name: str) -> str | None:
        """A value; None when the variable is empty, as an empty template parameter makes it."""
        return self.text(name) if self._is_given(name) else None

    def choice(self, name: str, *allowed: str) -> str:
        """One of a few values."""
        return self._matching(name, "|".join(map(re.escape, allowed)), " or ".join(allowed))

    def arn(self, name: str) -> str:
        """An ARN."""
        return self._matching(name, r"arn:aws(-[a-z-]+)?:[a-z0-9-]+:[a-z0-9-]*:[0-9]*:.+", "an ARN")

    def optional_arn(self, name: str) -> str | None:
        """An ARN; None when the variable is empty, as an empty template parameter makes it."""
        return self.arn(name) if self._is_given(name) else None

    def url(self, name: str) -> str:
        """An HTTP(S) URL."""
        return self._matching(name, r"https?://\S+", "a URL")

    def names(self, name: str) -> tuple[str, ...]:
        """Names, separated by commas; at least one."""
        names = tuple(part.strip() for part in self.text(name).split(",") if part.strip())
        if not names:
            raise InvalidSetting(f"environment variable {name} names nothing")
        return names

    def optional_names(self, name: str) -> tuple[str, ...]:
        """Names, separated by commas; none when the variable is empty, as an empty template parameter makes it."""
        return self.names(name) if self._is_given(name) else ()

    def number(self, name: str, *, least: float, most: float) -> float:
        """A number between two others, both included."""
        try:
            number = float(self.text(name))
        except ValueError as error:
            if isinstance(error, InvalidSetting):
                raise
            raise InvalidSetting(f"environment variable {name} is not a number") from None
        if not least <= number <= most:
            raise InvalidSetting(f"environment variable {name} is {number:g}, not between {least:g} and {most:g}")
        return number

    def seconds(self, name: str, *, least: float, most: float) -> timedelta:
        """A duration in seconds."""
        return timedelta(seconds=self.number(name, least=least, most=most))

    def _is_given(self, name: str) -> bool:
        return bool(self._variables.get(name, "").strip())

    def _matching(self, name: str, pattern: str, wanted: str) -> str:
        value = self.text(name)
        if re.fullmatch(pattern, value) is None:
            raise InvalidSetting(f"environment variable {name} is not {wanted}")
        return value
