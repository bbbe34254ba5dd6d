"""The functions' log: one JSON object a line, whatever events put into it."""

import json
from functools import partial

from aws_lambda_powertools import Logger


def json_lines() -> Logger:
    """A logger whose lines are ASCII.

    Powertools writes text as it is: line separators of Unicode, marks that turn the direction of writing, and halves
    of characters, which standard output does not take at all.
    """
    return Logger(json_serializer=partial(json.dumps, default=str, separators=(",", ":")))
