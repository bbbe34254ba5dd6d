"""Worlds in which something happens to each capability: what there is, what arrives, and what people do meanwhile.

A story is told in chapters, days apart, and people act between them: whatever faults do to a chapter is over by then.
"""

import json
from collections.abc import Callable, Iterable, Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

from sandbox.aws_services import security_hub
from sandbox.world import Sandbox
from tests.conftest import EVENTS

HUB = "111122223333/eu-west-1"
PROD, TEST = "444455556666", "777788889999"

Event = dict[str, Any]


class Course(Protocol):
    """How what happens reaches the application: as it is, or with faults."""

    def deliver(self, sandbox: Sandbox, events: Iterable[Event]) -> None:
        """Let events arrive, and time pass until all is done that follows."""

    def fire(self, sandbox: Sandbox, schedule: str) -> None:
        """Let a schedule fire."""


Story = Callable[[Sandbox, Course], None]


@dataclass(frozen=True)
class World:
    """What there is at the beginning, and the story."""

    name: str
    story: Story
    functions: tuple[str, ...]
    """The functions that have to do in it."""

    comes_to: Mapping[str, int]
    """How many incidents, threats, enriched and resolved findings and news there are at the end if nothing goes wrong,
    and that findings which people have worked on were changed meanwhile (`people's`)."""

    parameters: Mapping[str, str] = field(default_factory=dict)
    has: Callable[[], Mapping[str, Any]] = dict
    """What the sandbox is opened with."""

    by_events: bool = True
    """Whether events set it going, and not schedules."""

    def open(self, **how: Any) -> Sandbox:
        parameters = {"hub": {"IncidentBackend": "OpsCenter", **self.parameters}}
        return Sandbox(hub=HUB, parameters=parameters, **self.has(), **how)


def sample(name: str) -> Event:
    event: Event = json.loads((EVENTS / f"{name}.json").read_text())
    return event


def threat(rule: str) -> list[Event]:
    return [json.loads(path.read_text()) for path in sorted((EVENTS / "threats" / rule).glob("*.json"))]


def another_day(event: Event, day: str) -> Event:
    """The same thing on another day: with an id of its own, and with its every time of that day."""
    text = json.dumps(event).replace("2026-03-02T", f"{day}T")
    made: Event = json.loads(text)
    for holder, name in ((made, "id"), (made["detail"], "eventID")):
        if name in holder:
            holder[name] = f"{holder[name][:-6]}{day[-2:]}{holder[name][-4:]}"
    return made


def wait_until(sandbox: Sandbox, text: str) -> None:
    """Let time pass. Everything before must have ended by then, or the story is no longer the same."""
    moment = datetime.fromisoformat(text).replace(tzinfo=UTC)
    assert sandbox.clock.now < moment, f"a chapter went on until {sandbox.clock.now}, behind the beginning of the next"
    sandbox.clock.follow(moment)


# Incidents: several events a cause, a milder one first, a person who resolves, late duplicates, and a new generation

INCIDENT_EVENTS = (
    "root-console-sign-in-failed",
    "root-console-sign-in-without-mfa",
    "root-api-call",
    "guardduty-high-1-found",
    "guardduty-high-3-archived",
    "config-public-read-1-turned-non-compliant",
    "config-public-read-2-turned-compliant",
)


def incidents(sandbox: Sandbox, course: Course) -> None:
    first = [sample(name) for name in INCIDENT_EVENTS]
    course.deliver(sandbox, first)
    wait_until(sandbox, "2026-03-06T00:00:00")
    for incident in sandbox.report()["incidents"]:
        if incident["status"] == "OPEN" and incident["key"] == f"root/{PROD}":
            resolve(sandbox, incident["arn"])
    course.deliver(sandbox, [first[1], another_day(sample("root-api-call"), "2026-03-08")])


def resolve(sandbox: Sandbox, arn: str) -> None:
    """A person resolves an incident or OpsItem."""
    if ":ssm-incidents:" in arn:
        sandbox.client("ssm-incidents").update_incident_record(arn=arn, status="RESOLVED")
    else:
        sandbox.client("ssm").update_ops_item(OpsItemId=arn.rpartition("/")[2], Status="Resolved")


# Findings: context and resolution, with analysts at work on the same findings

FINDING_EVENTS = (
    "deleted-instances-1-finding",
    "deleted-role-1-finding",
    "finding-control-failed",
    "finding-with-an-analysts-note",
    "finding-suppressed-is-left-alone",
    "finding-several-in-one-event",
)
DELETION_EVENTS = ("deleted-instances-2-call", "deleted-role-2-call-names-no-path")


def findings_of(events: Iterable[Event]) -> list[dict[str, Any]]:
    return [deepcopy(finding) for event in events for finding in event["detail"].get("findings", [])]


def findings(sandbox: Sandbox, course: Course) -> None:
    first = [sample(name) for name in FINDING_EVENTS]
    course.deliver(sandbox, first)
    wait_until(sandbox, "2026-03-06T00:00:00")
    role, failed, noted = (first[number]["detail"]["findings"][0] for number in (1, 2, 3))
    edit(sandbox, role, Note={"Text": "Asked the owner, see SEC-7.", "UpdatedBy": "kim"})
    edit(sandbox, failed, Workflow={"Status": "SUPPRESSED"}, Note={"Text": "Known.", "UpdatedBy": "kim"})
    edit(sandbox, noted, UserDefinedFields={"Ticket": "SEC-8"}, Workflow={"Status": "NOTIFIED"})
    wait_until(sandbox, "2026-03-06T01:00:00")
    # The findings' events come late once more, and say what was so before the analysts came.
    deletions = [another_day(sample(name), "2026-03-08") for name in DELETION_EVENTS]
    course.deliver(sandbox, [*first[1:4], *deletions])


def edit(sandbox: Sandbox, finding: Mapping[str, Any], **changes: Any) -> None:
    """An analyst changes a finding, and adds to its fields."""
    product, id_ = finding["ProductArn"], finding["Id"]
    if fields := changes.get("UserDefinedFields"):
        now = security_hub.find_finding(*sandbox.hub, finding_id=id_, product_arn=product)
        changes["UserDefinedFields"] = {**(now or {}).get("UserDefinedFields", {}), **fields}
    hub = sandbox.client("securityhub")
    answer = hub.batch_update_findings(FindingIdentifiers=[{"ProductArn": product, "Id": id_}], **changes)
    assert not answer["UnprocessedFindings"]


# Threats: findings that mean much together, and further evidence when the threat is known

THREAT = "backdoor-with-critical-cves"


def threats(sandbox: Sandbox, course: Course) -> None:
    events = threat(THREAT)
    course.deliver(sandbox, events)
    wait_until(sandbox, "2026-03-20T00:00:00")
    for found in sandbox.report()["findings"]:
        if found["Id"].startswith("correlated/"):
            edit(sandbox, found, Note={"Text": "Isolated, see SEC-9.", "UpdatedBy": "kim"})
    wait_until(sandbox, "2026-03-20T01:00:00")
    again = deepcopy(events[-1]) | {"id": "c0de5ec0-0000-4000-8000-00000000a9a1", "time": "2026-03-29T10:00:00Z"}
    again["detail"]["findings"][0] |= {"UpdatedAt": "2026-03-29T09:59:00Z", "LastObservedAt": "2026-03-29T09:58:00Z"}
    again["detail"]["findings"][0]["Id"] += "0"
    course.deliver(sandbox, [events[0], again])


# Sweeps: a resource that is gone although no event has told of it

SWEPT = json.loads((EVENTS / "world" / "findings.json").read_text())
RESOURCES = json.loads((EVENTS / "world" / "resources.json").read_text())["configurationItems"]


def sweeps(sandbox: Sandbox, course: Course) -> None:
    course.fire(sandbox, "SweepDeletedSchedule")
    sandbox.clock.follow(sandbox.clock.now + timedelta(days=1))
    course.fire(sandbox, "SweepDeletedSchedule")


# Heartbeats: one forwarding rule falls silent, and is heard again

HALF_AN_HOUR = timedelta(minutes=30)
ROOT_RULE = "ForwardRootActivityRule"


def heartbeats(sandbox: Sandbox, course: Course) -> None:
    for account in (HUB[:12], PROD):
        sandbox.topology.member(account, "eu-west-1")
    pass_time(sandbox, course, 2)
    rules = sandbox.topology.member(PROD, "eu-west-1").buses["default"].rules
    before = list(rules)
    rules[:] = [rule for rule in rules if rule.name != ROOT_RULE]
    pass_time(sandbox, course, 5)
    rules[:] = before
    pass_time(sandbox, course, 3)


def pass_time(sandbox: Sandbox, course: Course, times: int) -> None:
    for _ in range(times):
        sandbox.clock.follow(sandbox.clock.now + HALF_AN_HOUR)
        course.fire(sandbox, "SendHeartbeatsSchedule")
        course.fire(sandbox, "WatchHeartbeatsSchedule")


WORLDS = {
    world.name: world
    for world in (
        World(
            "incidents-IncidentManager",
            incidents,
            ("open_incident",),
            {"incidents": 4, "Incident": 4},
            parameters={"IncidentBackend": "IncidentManager"},
        ),
        World("incidents-OpsCenter", incidents, ("open_incident",), {"incidents": 4, "Incident": 4}),
        World(
            "findings",
            findings,
            ("enrich_findings", "resolve_deleted"),
            {"enriched": 6, "resolved": 2, "people's": 1},
            has=lambda: {"findings": findings_of(sample(name) for name in FINDING_EVENTS)},
        ),
        World(
            "threats",
            threats,
            ("collect_signals", "correlate_signals", "enrich_findings", "open_incident"),
            {"threats": 1, "incidents": 1, "Incident": 1, "enriched": 6, "people's": 1},
            has=lambda: {"resources": RESOURCES},
        ),
        World(
            "sweeps",
            sweeps,
            ("sweep_deleted",),
            {"resolved": 1, "people's": 1},
            has=lambda: {"findings": deepcopy(SWEPT), "resources": RESOURCES},
            by_events=False,
        ),
        World(
            "heartbeats",
            heartbeats,
            ("watch_heartbeats",),
            {"SILENT": 1, "HEARD AGAIN": 1},
            parameters={"ExcludedAccounts": f"{TEST},222233334444,999999999999"},
            by_events=False,
        ),
    )
}
