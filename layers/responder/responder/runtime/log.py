"""The functions' log: one JSON object a line, whatever events put into it."""

import json

from aws_lambda_powertools import Logger


def json_lines() -> Logger:
    """A logger whose lines are ASCII.

    Powertools writes text as it is: line separators of Unicode, marks that turn the direction of writing, and halves
    of characters, which standard output does not take at all. And it takes every message for JSON that may be read:
    ours are words, and to find that out anew costs a failed reading a line.
    """
    return Logger(json_serializer=json.JSONEncoder(default=str, separators=(",", ":")).encode, json_deserializer=str)
