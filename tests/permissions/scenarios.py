"""Runs of the sandbox that together make each function call all that it ever calls, in each form of its role.

The form of a role depends on the parameters: the incident backend, where the organization is asked, whether there is an
aggregator, whether a sweep resolves.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from unittest.mock import patch

from sandbox.aws_services import config_aggregator
from sandbox.aws_services.organizations.models import OrganizationsBackend
from sandbox.calls import AwsCall
from sandbox.clock import format_time
from sandbox.faults import Fault, Faults
from sandbox.organization import sample as sample_organization
from sandbox.world import Sandbox
from tests.conftest import EVENTS, SAMPLE_EVENTS

HUB = "111122223333/eu-west-1"
HUB_ACCOUNT = HUB[:12]
MANAGEMENT_ACCOUNT = "999999999999"

Event = dict[str, Any]
Story = Callable[[Sandbox], None]

RESOURCES = json.loads((EVENTS / "world" / "resources.json").read_text())["configurationItems"]
FINDINGS = json.loads((EVENTS / "world" / "findings.json").read_text())
PLAN = f"arn:aws:ssm-incidents::{HUB_ACCOUNT}:response-plan/given"


@dataclass(frozen=True)
class Scenario:
    """A world, its hub's parameters, what happens in it, and what it is there for."""

    name: str
    purpose: str
    story: Story
    proof: tuple[str, ...] = ()
    """What must have happened, or it is no longer there for it: functions, and metrics that they have counted."""

    parameters: Mapping[str, str] = field(default_factory=dict)
    world: Mapping[str, Any] = field(default_factory=dict)


def sample(name: str) -> Event:
    event: Event = json.loads((EVENTS / f"{name}.json").read_text())
    return event


def samples(pattern: str) -> list[Event]:
    return [json.loads(path.read_text()) for path in sorted(EVENTS.glob(pattern))]


def later(event: Event, time: str, **finding: Any) -> Event:
    """The event again, at another time, with an id of its own; its finding is changed, if it has one."""
    made = deepcopy(event) | {"id": f"{event['id'][:-12]}{time[-9:-1].replace(':', '')}000000", "time": time}
    for found in made["detail"].get("findings", []):
        found |= {"UpdatedAt": time} | finding
    return made


@contextmanager
def failing(sandbox: Sandbox, *faults: str) -> Iterator[None]:
    """Let calls of functions fail, within it and as seldom as `faults` say."""
    before = sandbox.calls.faults
    sandbox.calls.faults = Faults(map(Fault.parse, faults), seed=1)
    try:
        yield
    finally:
        sandbox.calls.faults = before


# -------------------------------------------------------------------------------------------------------------- samples


def every_sample(sandbox: Sandbox) -> None:
    sandbox.deliver(json.loads(path.read_text()) for path in SAMPLE_EVENTS)
    sandbox.run_schedule("SweepDeletedSchedule")


def most_samples(sandbox: Sandbox) -> None:
    """Those of the folder itself, and of one threat."""
    sandbox.deliver([*samples("*.json"), *samples("threats/exposed-instance-under-attack/*.json")])
    sandbox.run_schedule("SweepDeletedSchedule")


# ------------------------------------------------------------------------------------------------------------ incidents


def incidents(sandbox: Sandbox) -> None:
    """Opened, escalated, gone on after 200 entries, resolved; events rejected, and an incident refused."""
    if sandbox.function("open_incident").resource.environment["RESPONSE_PLAN_ARN"] == PLAN:
        template = {"title": "Security", "impact": 3}
        sandbox.client("ssm-incidents").create_response_plan(name="given", incidentTemplate=template)
    found, repeated = sample("guardduty-high-1-found"), sample("guardduty-high-2-repeated-six-hours-later")
    sandbox.send("OpenIncidentQueue", "{nonsense")
    sandbox.deliver([sample("guardduty-high-3-archived"), found, sample("root-console-sign-in-failed")])
    sandbox.deliver([sample("root-console-sign-in-without-mfa")])
    _fill(sandbox, "root/444455556666")
    sandbox.deliver([sample("root-api-call"), sample("root-api-call-refused")])
    _resolve(sandbox)
    sandbox.deliver([later(found, "2026-03-02T01:00:00Z"), repeated])
    with failing(sandbox, "ssm-incidents:StartIncident=1:AccessDeniedException", "ssm:CreateOpsItem=1:AccessDenied"):
        sandbox.deliver([sample("guardduty-critical")])
    with failing(sandbox, "ssm-incidents:*=0.4:LostResponse", "ssm:*=0.4:LostResponse", "dynamodb:*=0.3:LostResponse"):
        sandbox.deliver([sample("config-public-read-1-turned-non-compliant"), sample("guardduty-attack-sequence")])


def _fill(sandbox: Sandbox, key: str) -> None:
    """Let an incident have as many timeline entries as it may have of its own."""
    function = sandbox.function("open_incident").resource
    sandbox.client("dynamodb").update_item(
        TableName=function.environment["INCIDENTS_TABLE"],
        Key={"key": {"S": key}, "entry": {"S": "incident"}},
        UpdateExpression="ADD entries :many",
        ExpressionAttributeValues={":many": {"N": "200"}},
    )


def _resolve(sandbox: Sandbox) -> None:
    """People resolve all incidents."""
    for incident in sandbox.report()["incidents"]:
        if incident["backend"] == "IncidentManager":
            sandbox.client("ssm-incidents").update_incident_record(arn=incident["arn"], status="RESOLVED")
        else:
            id_ = incident["arn"].rpartition("/")[2]
            sandbox.client("ssm").update_ops_item(OpsItemId=id_, Status="Resolved")


# ------------------------------------------------------------------------------------------------------------- contexts


def contexts(sandbox: Sandbox) -> None:
    """Fetched, remembered, stale and failing; of the management account, and of accounts that are not known."""
    finding = sample("finding-control-failed")
    sandbox.send("EnrichFindingsQueue", "{nonsense")
    sandbox.deliver([*samples("finding-*.json"), _of_account(finding, MANAGEMENT_ACCOUNT)])
    sandbox.deliver([_of_account(finding, HUB_ACCOUNT)])
    with failing(sandbox, "organizations:DescribeAccount=1:ServiceException"):
        # One whose context was fetched two hours ago, and one whose context is nowhere.
        sandbox.deliver([later(finding, "2026-03-02T17:00:00Z", Id="stale"), _of_account(finding, "222233334444")])
    with patch.object(OrganizationsBackend, "describe_account", _without_paths):
        sandbox.deliver([later(finding, "2026-03-02T20:00:00Z", Id="without paths")])
    first, old = (later(finding, time, Id=time) for time in ("2026-03-02T22:00:00Z", "2026-03-02T20:30:00Z"))
    sandbox.deliver([first, old])  # the second is late, and so read again


def _of_account(event: Event, account: str) -> Event:
    made = deepcopy(event) | {"id": f"{event['id'][:-12]}{account}"}
    (finding,) = made["detail"]["findings"]
    finding |= {"AwsAccountId": account, "Id": finding["Id"].replace(finding["AwsAccountId"], account)}
    return made


_describe_account = OrganizationsBackend.describe_account


def _without_paths(backend: OrganizationsBackend, **request: Any) -> dict[str, Any]:
    """An account as Organizations described it before it told the path."""
    account = _describe_account(backend, **request)["Account"]
    return {"Account": {name: value for name, value in account.items() if name != "Paths"}}


# ------------------------------------------------------------------------------------------------------------ deletions


def deletions(sandbox: Sandbox) -> None:
    """Told by calls and items, of findings with several resources; some that fail, and one that is rejected."""
    item = sample("deleted-database-3-config-item")
    item["detail"]["configurationItem"]["resourceType"] = None
    sandbox.deliver([*samples("deleted-*.json"), *samples("deletion-*.json"), item])


def sweep(sandbox: Sandbox) -> None:
    """At once, and in parts, because after each page Security Hub does not answer; and an event that begins none."""
    sandbox.run_schedule("SweepDeletedSchedule")
    sandbox.send("SweepDeletedQueue", "{nonsense")

    def falter(moment: str, call: AwsCall) -> None:
        if (moment, str(call)) == ("after", "securityhub:GetFindings"):
            sandbox.calls.faults = Faults([Fault.parse("securityhub:GetFindings=1:Timeout")])
        elif str(call) == "sqs:SendMessage":  # the next part
            sandbox.calls.faults = Faults()

    end = sandbox.calls.subscribe(falter)
    sandbox.run_schedule("SweepDeletedSchedule")
    end()
    sandbox.calls.faults = Faults()


# -------------------------------------------------------------------------------------------------------------- threats


def threats(sandbox: Sandbox) -> None:
    """Some samples'; a finding that is withdrawn, one that cannot be read, and a row that is no signal."""
    sandbox.send("CollectSignalsQueue", "{nonsense")
    sandbox.deliver(samples("threats/exposed-instance-under-attack/*.json"))
    _withdraw(sandbox)
    _reject(sandbox)


def _withdraw(sandbox: Sandbox) -> None:
    """Of two findings of one leg the newer is archived, then the other leg comes: the older is the evidence."""
    first, second = samples("threats/malware-with-command-and-control/*.json")
    (finding,) = first["detail"]["findings"]
    there = _on_another_instance(first, "2026-06-01T10:00:00Z")
    newer = later(there, "2026-06-01T11:00:00Z", Id=f"{finding['Id']}-newer", LastObservedAt="2026-06-01T11:00:00Z")
    archived = later(newer, "2026-06-01T12:00:00Z", RecordState="ARCHIVED")
    sandbox.deliver([there, newer, archived, _on_another_instance(second, "2026-06-01T13:00:00Z")])


def _on_another_instance(event: Event, time: str) -> Event:
    made = later(event, time, LastObservedAt=time)
    (finding,) = made["detail"]["findings"]
    finding["Id"] += "-elsewhere"
    for resource in finding["Resources"]:
        resource["Id"] = resource["Id"][:-6] + "aaaaaa"
    return made


def _reject(sandbox: Sandbox) -> None:
    """A row of the table that is none of the application's."""
    row = {"pair": {"S": "somebody"}, "row": {"S": "o#else's"}}
    change = {"Keys": row, "NewImage": row, "SequenceNumber": "1", "StreamViewType": "NEW_IMAGE"}
    record = {"eventID": "1", "eventName": "INSERT", "eventSource": "aws:dynamodb", "dynamodb": change}
    assert sandbox.invoke("correlate_signals", {"Records": [record]}).error is None


def related_threats(sandbox: Sandbox) -> None:
    """The same, and an instance that changes its security group, which is asked about again after an hour."""
    threats(sandbox)
    *_, group, attack, port = samples("threats/exposed-instance-under-attack/*.json")
    (item,) = [item for item in RESOURCES if item["resourceId"] == "i-0e4905ed000000001"]
    time = format_time(sandbox.clock.now + timedelta(hours=2))
    text = json.dumps(item).replace("sg-0e4905ed000000001", "sg-0e4905ed0000000ff")
    moved = json.loads(text) | {"configurationItemCaptureTime": time}
    config_aggregator.put_item(*sandbox.hub, moved)
    sandbox.deliver([later(event, time, LastObservedAt=time) for event in (group, attack, port)])


# ----------------------------------------------------------------------------------------------------------- heartbeats


def heartbeats(sandbox: Sandbox) -> None:
    """Heard, missed and told of, and one that is rejected."""
    sandbox.send("WatchHeartbeatsQueue", "{nonsense")
    sandbox.run_schedule("SendHeartbeatsSchedule")
    sandbox.run_schedule("WatchHeartbeatsSchedule")
    sandbox.clock.advance(5 * 3600)
    sandbox.run_schedule("WatchHeartbeatsSchedule")


INCIDENTS = (
    "open_incident IncidentsOpened",
    "open_incident IncidentsUpdated",
    "open_incident IncidentsNotOpened",
    "open_incident EventsLate",
    "open_incident EventsWaiting",
    "open_incident EventsRejected",
)
CONTEXTS = (
    "enrich_findings FindingsEnriched",
    "enrich_findings ContextsFailed",
    "enrich_findings ContextsStale",
    "enrich_findings ContextsUnavailable",
    "enrich_findings AccountsUnknown",
    "enrich_findings EventsRejected",
)
SWEEPS = ("sweep_deleted FindingsSweptGone", "sweep_deleted EventsRejected")
THREATS = (
    "collect_signals SignalsCollected",
    "collect_signals EventsRejected",
    "correlate_signals ThreatsFound",
    "correlate_signals EventsRejected",
)

HEARTBEATS = ("watch_heartbeats SilentMembers", "watch_heartbeats EventsRejected")

SCENARIOS = (
    Scenario(
        "samples",
        "every sample event, with incidents in the response plan that the stack creates",
        every_sample,
        world={"resources": RESOURCES, "findings": FINDINGS},
    ),
    Scenario(
        "failing samples",
        "most of them with calls that fail, or whose answer is lost: what is done again needs nothing else",
        most_samples,
        parameters={"IncidentBackend": "OpsCenter"},
        world={
            "resources": RESOURCES,
            "findings": FINDINGS,
            "faults": [Fault.parse("*:*=0.2"), Fault.parse("*:*=0.1:LostResponse")],
        },
    ),
    Scenario("created plan", "all that becomes of incidents", incidents, proof=INCIDENTS),
    Scenario(
        "given plan",
        "the same in a response plan that was there",
        incidents,
        proof=INCIDENTS,
        parameters={"CreateResponsePlan": "false", "ResponsePlanArn": PLAN},
    ),
    Scenario(
        "OpsCenter", "the same as OpsItems", incidents, proof=INCIDENTS, parameters={"IncidentBackend": "OpsCenter"}
    ),
    Scenario(
        "organization's role", "contexts, asked for through the organization stack's role", contexts, proof=CONTEXTS
    ),
    Scenario(
        "delegated administrator",
        "contexts, asked for directly",
        contexts,
        proof=CONTEXTS,
        parameters={"OrganizationRoleArn": ""},
        world={"delegated_administrator": HUB_ACCOUNT},
    ),
    Scenario(
        "hub in the management account",
        "contexts, asked for directly; of its own contact the hub asks without naming the account",
        contexts,
        proof=CONTEXTS,
        parameters={"OrganizationRoleArn": ""},
        world={"organization": sample_organization() | {"management_account": HUB_ACCOUNT}},
    ),
    Scenario(
        "heartbeats",
        "silence of the organization's accounts, asked for through the organization stack's role",
        heartbeats,
        proof=HEARTBEATS,
    ),
    Scenario(
        "heartbeats, delegated administrator",
        "silence of the organization's accounts, asked for directly",
        heartbeats,
        proof=HEARTBEATS,
        parameters={"OrganizationRoleArn": ""},
        world={"delegated_administrator": HUB_ACCOUNT},
    ),
    Scenario(
        "heartbeats of given accounts",
        "silence of accounts that are given, so that nobody is asked",
        heartbeats,
        proof=HEARTBEATS,
        parameters={"ExpectedAccounts": HUB_ACCOUNT},
    ),
    Scenario(
        "deletions",
        "findings of resources that are deleted",
        deletions,
        proof=("resolve_deleted FindingsResolved", "resolve_deleted EventsRejected"),
    ),
    Scenario(
        "sweep",
        "a sweep that resolves",
        sweep,
        proof=(*SWEEPS, "sweep_deleted FindingsResolved"),
        world={"resources": RESOURCES, "findings": FINDINGS},
    ),
    Scenario(
        "dry sweep",
        "a sweep that only reports",
        sweep,
        proof=SWEEPS,
        parameters={"SweepMode": "DryRun"},
        world={"resources": RESOURCES, "findings": FINDINGS},
    ),
    Scenario(
        "related threats",
        "correlation with an aggregator, and no sweep",
        related_threats,
        proof=THREATS,
        parameters={"IncidentBackend": "OpsCenter", "SweepMode": "Off"},
        world={"resources": RESOURCES},
    ),
    Scenario(
        "unrelated threats",
        "correlation without an aggregator",
        threats,
        proof=THREATS,
        parameters={"IncidentBackend": "OpsCenter"},
    ),
)
