"""How fast event patterns match: all patterns of the templates' rules and the shipped correlation rules' legs."""

import json
import statistics
import time
from collections.abc import Callable

from benchmarks.figures import Figure
from benchmarks.workload import HUB, REPOSITORY
from responder.patterns import EventPattern
from sandbox.rules.checking import RULES, check
from sandbox.world import Sandbox

PER_SECOND = "patterns_matched_per_second"
OVER_PARSING = "matching_all_rules_over_parsing_json"
NAMES = (PER_SECOND, OVER_PARSING)

ROUNDS = 30


def measure() -> list[Figure]:
    with Sandbox(HUB) as sandbox:
        topology = sandbox.topology
        rules = [rule.pattern for stack in (topology.hub, topology.member(*sandbox.hub)) for rule in stack.rules()]
    legs = [leg.pattern for rule in check([RULES]).rules for leg in rule.rule.legs]
    texts = [path.read_text("utf-8") for path in sorted((REPOSITORY / "events").rglob("*.json"))]
    events = [event for event in map(json.loads, texts) if isinstance(event, dict) and "detail-type" in event]
    compact = [json.dumps(event) for event in events]
    findings = [finding for event in events for finding in event["detail"].get("findings", [])]

    def match_all() -> int:
        return _matches(rules, events) + _matches(legs, findings)

    def parse_all() -> None:
        for text in compact:
            json.loads(text)

    tried = len(rules) * len(events) + len(legs) * len(findings)
    matching, parsing = _seconds(match_all), _seconds(parse_all)
    what = (
        f"{len(rules)} patterns of rules against {len(events)} sample events, {len(legs)} of correlation rules' legs "
        f"against the {len(findings)} findings in them; {match_all():,} of {tried:,} match. Medians of {ROUNDS}."
    )
    return [
        Figure(name=PER_SECOND, value=tried / matching, unit="1/s", better="higher", note=what),
        Figure(
            name=OVER_PARSING,
            value=matching / parsing,
            unit="ratio",
            note="Time of matching all of them, over that of json.loads of the same events.",
        ),
    ]


def _matches(patterns: list[EventPattern], values: list[dict[str, object]]) -> int:
    return sum(pattern.matches(value) for value in values for pattern in patterns)


def _seconds(run: Callable[[], object]) -> float:
    """On the processor, of a run."""
    times = []
    for _ in range(ROUNDS):
        start = time.thread_time()
        run()
        times.append(time.thread_time() - start)
    return statistics.median(times)
