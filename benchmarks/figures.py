"""A figure: one measured number, its unit, and the goal that it is held to, if any."""

from dataclasses import asdict, dataclass
from typing import Any, Literal


@dataclass(frozen=True, kw_only=True)
class Figure:
    """One number.

    `name` is unique among all figures, and says what is counted; `unit` what one of it is, such as "calls per finding",
    "ratio" or "s"; `goal` is the value that is just good enough, None where the figure is only told; `better` in which
    direction better values lie; `note` says in a sentence or two how it was measured and what it counts.

    >>> Figure(name="calls", value=0.2, unit="calls per finding", goal=0.15, better="lower").met
    False
    >>> Figure(name="speed_up", value=100.0, unit="ratio", goal=100.0, better="higher").met
    True
    >>> Figure(name="size", value=3.0, unit="KB").met
    True
    """

    name: str
    value: float
    unit: str
    goal: float | None = None
    better: Literal["lower", "higher"] = "lower"
    note: str = ""

    @property
    def met(self) -> bool:
        """Whether the goal is reached; so it is without one. What is not a number meets no goal."""
        if self.goal is None:
            return True
        return self.value <= self.goal if self.better == "lower" else self.value >= self.goal

    def as_json(self) -> dict[str, Any]:
        """As build/bench.json has it: the fields, and `met`, which is null without a goal."""
        return {**asdict(self), "met": None if self.goal is None else self.met}
