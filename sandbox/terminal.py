"""Output for people: as wide as the terminal, plain where there is none, and nothing that a terminal would act on."""

from __future__ import annotations

from rich.console import Console
from rich.text import Text

PLAIN_WIDTH = 100


def console() -> Console:
    """Standard output, 100 columns wide unless it is a terminal."""
    output = Console(highlight=False, emoji=False, markup=False)
    if not output.is_terminal:
        output.width = PLAIN_WIDTH
    return output


def safe(text: object, style: str = "") -> Text:
    """Text of an event, to be printed as it is."""
    return Text(clean(str(text)), style)


def clean(text: str) -> str:
    """Without control characters, which could take over the terminal, and lone surrogates, which nothing can print."""
    return "".join(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in text)
