"""A figure: one measured number, its unit, and the goal that it is held to, if any."""

from dataclasses import asdict, dataclass
from typing import Any, Literal


@dataclass(frozen=True, kw_only=True)
class Figure:
    """One number.

    `name` is unique among all figures, and says what is counted; `unit` what one of it is, such as "calls per finding",
    "ratio" or "s"; `goal` is the value that is just good enough, None where the figure is only told; `better` in which
    direction better values lie; `note` says in a sentence or two how it was measured and what it counts.

    >>> Figure(name="calls", value=0.2, unit="calls per finding", goal=0.15, better="lower").holds
    False
    >>> Figure(name="speed_up", value=100.0, unit="ratio", goal=100.0, better="higher").holds
    True
    >>> Figure(name="size", value=3.0, unit="KB").holds
    True
    """

    name: str
    value: float
    unit: str
    goal: float | None = None
    better: Literal["lower", "higher"] = "lower"
    note: str = ""

    @property
    def holds(self) -> bool:
        """Whether the goal is reached; a figure without a goal holds. What is not a number holds no goal."""
        if self.goal is None:
            return True
        return self.value <= self.goal if self.better == "lower" else self.value >= self.goal

    def as_json(self) -> dict[str, Any]:
        """As build/bench.json has it: the fields, and `holds`, which is null without a goal."""
        return {**asdict(self), "holds": None if self.goal is None else self.holds}
