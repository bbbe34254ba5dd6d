"""The sandbox: the deployed topology on one machine.

>>> with Sandbox(hub="111122223333/eu-west-1") as sandbox:  # doctest: +SKIP
...     sandbox.deliver([event])
...     report = sandbox.report()

It is a discrete-event simulation. Time stands still until the next thing is due, and that happens then: an event
arrives, a batching window ends, a message becomes visible again, a stream is polled.
"""

from __future__ import annotations

import os
import random
import time
from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from datetime import datetime, timedelta
from typing import Any, Self

from moto import mock_aws
from moto.dynamodb.models.table import StreamRecord
from moto.moto_api._internal import mock_random
from moto.utilities.utils import get_partition

from . import aws_services, envelopes, known_findings, known_resources, moto_gaps, queues, schedules, streams
from . import organization as organizations
from .accounts import Accounts
from .aws_services import config_aggregator, security_hub
from .buses import Buses
from .calls import Calls
from .clock import Clock, format_time, parse_time
from .envelopes import Event, Place, Submission
from .faults import Fault, Faults
from .functions import Function, Invocation
from .inputs import JsonValue
from .ledger import Entry, Ledger, Lineage
from .organization import ORGANIZATION_ID, Organization
from .pollers import Poller
from .queues import DeadLetter, Queue
from .repeats import Repeats
from .report import build_report
from .stacks import HUB_STACK, Schedule, Stack, StreamMapping, Templates, Topology
from .stream_pollers import Destination, StreamPoller
from .streams import Stream

MAXIMUM_DEPTH = 20
"""Events that may follow one from the other before it is called a loop: four, from a finding through enrichment and
correlation to an incident, and room."""

MAXIMUM_RAISED = 2_000
"""Events that may follow from one in all, which a loop that branches reaches first."""

Progress = Callable[[int, int], None]

Arrival = Callable[[Event], datetime]
"""When an event arrives; asked for each delivery."""


class UnknownScheduleError(LookupError):
    """No stack has a schedule of that name; the message says which there are."""


class Sandbox:
    """A world with one hub. While it is open, this process is offline and lives in simulated time.

    Parameters
    ----------
    hub
        Account and Region of the hub, as `ACCOUNT/REGION`.
    templates
        What to deploy; the repository's own by default.
    parameters
        Values of template parameters, by "organization", "hub" and "member".
    organization
        The organization, as `organization.py` describes the document; the repository's sample by default.
    delegated_administrator
        A member account that administers Security Hub and Account Management for the organization, and may so read
        from both Organizations and Account Management; none by default.
    findings
        Findings (ASFF) that the hub's Security Hub holds. An event that carries one of them changes nothing of it.
    resources
        Configuration items that the hub's Config aggregator knows; items in events update them. Without any, not even
        an empty list, there is no aggregator.
    updates_visible_after
        How long what BatchUpdateFindings changes takes to show in GetFindings and in events.
    faults
        What goes wrong with the AWS calls of functions.
    repeats
        Batches that come to functions again although they were handled.
    seed
        Decides which attempts that concerns, and how long botocore backs off.

    Attributes
    ----------
    clock
        Simulated time.
    calls
        The AWS calls that functions make: counted, and open to subscribers.
    ledger
        What became of each event.
    """

    def __init__(
        self,
        hub: str | Place = envelopes.DEFAULT_HUB,
        *,
        templates: Templates | None = None,
        parameters: Mapping[str, Mapping[str, str]] | None = None,
        organization: Mapping[str, Any] | None = None,
        delegated_administrator: str | None = None,
        findings: Iterable[Any] | None = None,
        resources: Iterable[Any] | None = None,
        updates_visible_after: timedelta = timedelta(0),
        faults: Iterable[Fault] = (),
        repeats: Repeats | None = None,
        seed: int = 0,
    ) -> None:
        self.hub = Place.parse(hub) if isinstance(hub, str) else hub
        self.clock = Clock()
        self.calls = Calls(self.clock, Faults(faults, seed=seed))
        self.ledger = Ledger()
        self.changed_findings: dict[tuple[str, str], None] = {}
        """ProductArn and Id of the findings that changed in Security Hub."""

        document = organizations.sample() if organization is None else organization
        self.organization = Organization.of(document, taken=[self.hub.account])
        self._delegated_administrator = delegated_administrator
        places = ((f"findings[{number}]", finding) for number, finding in enumerate(findings or ()))
        self._known_findings = {(f["ProductArn"], f["Id"]): f for f in known_findings.checked(places)}
        items = ((f"resources[{number}]", item) for number, item in enumerate(resources or ()))
        self._known_resources = list(known_resources.checked(items))
        self._has_aggregator = resources is not None
        self._updates_visible_after = updates_visible_after
        self._repeats = repeats
        self._templates = templates or Templates()
        self._parameters = parameters or {}
        self._seed = seed
        self._raised: deque[tuple[Event, Lineage]] = deque()
        self._streams: dict[str, Stream] = {}
        self._schedule_runs = 0
        self._exit = ExitStack()

    def __enter__(self) -> Self:
        self._began = time.perf_counter()
        with ExitStack() as undo:
            self._open(undo)
            self._exit = undo.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Give the process its environment, time and network back. Closing again does nothing."""
        self._exit.close()

    def _open(self, undo: ExitStack) -> None:
        undo.enter_context(offline(self.hub))
        self.clock.start()
        undo.callback(self.clock.stop)
        self.calls.start()
        undo.callback(self.calls.stop)
        aws_services.install()
        moto_gaps.install()
        mock = mock_aws()
        mock.start()
        undo.callback(mock.stop)
        mock_random.seed(0)  # names and ids, so that equal runs print the same
        undo.callback(random.setstate, random.getstate())
        random.seed(self._seed)  # botocore's back-off draws from it
        security_hub.add_finding_listener(self._finding_changed)
        undo.callback(security_hub.remove_finding_listener, self._finding_changed)
        undo.enter_context(queues.watched(self._message_sent))
        undo.enter_context(streams.watched(self._item_changed))

        self._deploy()
        self._wire(undo)

    def _deploy(self) -> None:
        """Create what is there before the stacks, and the hub's."""
        self.accounts = Accounts(self.hub.region)
        self._populate()
        self.topology = Topology(
            self.accounts,
            self.hub,
            self._templates,
            management_account=self.organization.management_account,
            parameters=self._parameters,
            offered=self._prerequisites(),
        )

    def _populate(self) -> None:
        """Put there what is there before anything is deployed: the organization, and what is known of it."""
        organizations.create(
            self.organization,
            partition=get_partition(self.hub.region),
            delegated_administrator=self._delegated_administrator,
        )
        security_hub.delay_updates(*self.hub, self._updates_visible_after)
        for finding in self._known_findings.values():
            security_hub.put_finding(*self.hub, finding)
        if self._has_aggregator:
            config_aggregator.create_organization_aggregator(*self.hub, known_resources.AGGREGATOR)
        for item in self._known_resources:
            config_aggregator.put_item(*self.hub, item)

    def _prerequisites(self) -> dict[str, str]:
        """What must be there before the stacks, as values for the parameters that ask for it."""
        values = {
            "OrganizationId": ORGANIZATION_ID,
            "HubAccountId": self.hub.account,
            "HubStackName": HUB_STACK,
            "CreateResponsePlan": "true",
            "ExpectedRegions": self.hub.region,  # likewise: heartbeats are counted only when somebody asks
        }
        if self._has_aggregator:
            # A schedule begins a sweep only when somebody lets it (`run_schedule`), so it may be there.
            values |= {"ConfigAggregatorName": known_resources.AGGREGATOR, "SweepMode": "Resolve"}
        return values

    def _wire(self, undo: ExitStack) -> None:
        hub = self.topology.hub
        self._functions = {
            resource.arn: Function(resource, accounts=self.accounts, clock=self.clock, calls=self.calls)
            for resource in hub.functions
        }
        for function in self._functions.values():
            undo.callback(function.close)
        self._queues: dict[str, Queue] = {}
        self._pollers: list[Poller | StreamPoller] = []
        for mapping in hub.queue_mappings:
            queue = self._require_queue(mapping.queue_arn)
            function = self._functions[mapping.function_arn]
            self._pollers.append(
                Poller(mapping, queue, function, clock=self.clock, observer=self.ledger, repeats=self._repeats)
            )
        self._pollers += [self._stream_poller(mapping) for mapping in hub.stream_mappings]
        self._polled = {mapping.queue_arn for mapping in hub.queue_mappings}
        self._buses = Buses(self.topology, queue=self._find_queue, sent=self.ledger.sent)

    def _stream_poller(self, mapping: StreamMapping) -> StreamPoller:
        return StreamPoller(
            mapping,
            self._streams.setdefault(mapping.stream_arn, Stream(mapping.stream_arn, mapping.table)),
            self._functions[mapping.function_arn],
            destination=self._destination(mapping.on_failure_arn),
            clock=self.clock,
            observer=self.ledger,
            repeats=self._repeats,
        )

    def _destination(self, arn: str | None) -> Destination | None:
        """What sends the word of discarded records to a queue or a topic."""
        if arn is None:
            return None
        if arn in self.topology.hub.topics:

            def publish(text: str) -> None:
                self.client("sns").publish(TopicArn=arn, Message=text)

            return publish
        queue = self._require_queue(arn)
        return lambda text: (queue.send(text), queue)

    # What one does with a sandbox

    def deliver(
        self,
        values: Iterable[Any],
        *,
        duplicate: int = 1,
        shuffle: int | None = None,
        arrival: Arrival | None = None,
        progress: Progress | None = None,
    ) -> list[Entry]:
        """Deliver events (or anything else that `responder run` takes) and work until nothing more is to come.

        With `duplicate`, the whole sequence is delivered that many times; with `shuffle`, in an order of that seed.
        With `arrival`, each delivery comes when that says, not at the event's own time: late, or from a producer whose
        clock is wrong; those of one moment come in the order of the sequence.
        """
        submissions = envelopes.submissions(JsonValue(value, "values") for value in values)
        return self.submit(submissions, duplicate=duplicate, shuffle=shuffle, arrival=arrival, progress=progress)

    def submit(
        self,
        submissions: Iterable[Submission],
        *,
        duplicate: int = 1,
        shuffle: int | None = None,
        arrival: Arrival | None = None,
        progress: Progress | None = None,
    ) -> list[Entry]:
        """The same with elements of an input that are read already."""
        entries = [self.ledger.open(envelopes.complete(submission, self.hub)) for submission in submissions]
        events = [(entry, entry.event) for entry in entries if entry.event is not None] * duplicate
        if shuffle is not None:
            random.Random(shuffle).shuffle(events)
        deliveries = [(entry, arrival(event) if arrival else parse_time(event["time"])) for entry, event in events]
        if arrival:
            deliveries.sort(key=lambda delivery: delivery[1] or self.clock.now)
        for number, (entry, moment) in enumerate(deliveries, start=1):
            self._arrive(entry, moment)
            if progress:
                progress(number, len(deliveries))
        self.settle()
        return entries

    def settle(self) -> None:
        """Let time pass until every queue is empty, and every stream read, redeliveries and dead letters included."""
        self._work_until(None)
        for letter in self.dead_letters():
            self.ledger.note_dead_letter(letter)
        self.ledger.note_leftovers()

    def invoke(self, function: str, event: Any) -> Invocation:
        """Invoke a function directly with an event, as `sam local invoke` does."""
        invocation = self.function(function).invoke(event)
        self.ledger.note_direct(invocation)
        self.settle()
        return invocation

    def send(self, queue: str, body: str, attributes: Mapping[str, str] | None = None) -> str:
        """Put a message on the hub's queue of that logical id, and give its id; `settle` has it handled."""
        resource = next(resource for resource in self.topology.hub.queues if resource.name == queue)
        target = self._require_queue(resource.arn)
        message_id = target.send(body, attributes)
        self.ledger.sent(message_id, target, body, Lineage())
        return message_id

    def run_schedule(self, name: str) -> list[str]:
        """Let a schedule fire once, now, whatever its state and expression say, and work until nothing more is to come.

        One of the member template fires in every member stack that is deployed; the hub's own always is. Gives the ids
        of its messages or events; names are those of `schedule`. Now is not before any finding or resource that is
        known from the beginning was last seen.
        """
        name = self.schedule(name).name
        self._follow_what_is_known()
        self._schedule_runs += 1
        sent = [id_ for schedule in self._schedules() if schedule.name == name for id_ in self._fire(schedule)]
        self.settle()
        return sent

    def _fire(self, schedule: Schedule) -> list[str]:
        now, run = self.clock.now, self._schedule_runs
        if schedule.queue_arn is None:
            events = list(schedules.events_of(schedule, now=now, run=run))
            for event in events:
                self._buses.put(event, Lineage())
            return [event["id"] for event in events]
        target = self._require_queue(schedule.queue_arn)
        body = schedules.body_of(schedule, now=now, run=run)
        message_id = target.send(body)
        self.ledger.sent(message_id, target, body, Lineage())
        return [message_id]

    def schedule(self, name: str) -> Schedule:
        """The schedule of that logical id, else of that name, of the hub's stack or a member's.

        One whose condition is false does not exist. Raises `UnknownScheduleError` if there is none.
        """
        known = list(self._schedules())
        found = [schedule for schedule in known if name == schedule.name]
        found += [schedule for schedule in known if name == schedule.deployed_name]
        if not found:
            names = ", ".join(dict.fromkeys(schedule.name for schedule in known)) or "none"
            raise UnknownScheduleError(f"no schedule {name} is deployed; deployed are: {names}")
        return found[0]

    def _schedules(self) -> Iterator[Schedule]:
        self.topology.member(*self.hub)  # a hub without a member stack would hear nothing of its own account
        for stack in list(self.topology.stacks()):
            yield from stack.schedules

    def client(self, service: str, account: str | None = None, region: str | None = None) -> Any:
        """A boto3 client, of the hub's account and Region unless others are named."""
        return self.accounts.client(service, account or self.hub.account, region or self.hub.region)

    def function(self, name: str) -> Function:
        return next(function for function in self._functions.values() if function.name == name)

    def dead_letters(self) -> list[DeadLetter]:
        """What lies in the queues that other queues' redrive policies, rules' targets and streams' mappings send to."""
        letters = []
        for stack in self.topology.stacks():
            for arn in self._dead_letter_arns(stack):
                if (queue := self._find_queue(arn)) is not None:
                    letters += queue.dead_letters()
        return letters

    def report(self) -> dict[str, Any]:
        """The object that `responder run --json` prints."""
        return build_report(self, duration_seconds=time.perf_counter() - self._began)

    # The loop

    def _arrive(self, entry: Entry, moment: datetime | None) -> None:
        event = entry.event
        assert event is not None
        arrival = max(moment, self.clock.now) if moment else self.clock.now
        self._work_until(arrival)
        self.clock.follow(arrival)
        event["time"] = event["time"] or format_time(self.clock.now)
        self._place_findings(event)
        self._place_resource(event)
        self._buses.put(event, Lineage((entry,)))
        self._poll_full_queues()

    def _work_until(self, limit: datetime | None) -> None:
        """Do what is due before `limit`; all that ever comes, without one."""
        while True:
            self._put_raised_events()
            moments = [(moment, number) for number, p in enumerate(self._pollers) if (moment := p.due()) is not None]
            if not moments:
                return
            moment, number = min(moments)
            if limit is not None and moment >= limit:
                return
            self.clock.follow(moment)
            if not self._pollers[number].poll():
                self.clock.advance(0.001)  # dead letters have moved, or nothing has: time goes on in any case

    def _poll_full_queues(self) -> None:
        for poller in self._pollers:
            while poller.is_full() and poller.poll():
                self._put_raised_events()

    def _put_raised_events(self) -> None:
        while self._raised:
            event, lineage = self._raised.popleft()
            for entry in lineage.entries:
                entry.raised += 1 / len(lineage.entries)
            if lineage.depth > MAXIMUM_DEPTH:
                lineage.fail(f"a loop: {MAXIMUM_DEPTH} events followed from it, one from the other, and still another")
            elif lineage.entries and min(entry.raised for entry in lineage.entries) > MAXIMUM_RAISED:
                lineage.fail(f"a loop: {MAXIMUM_RAISED:,} events followed from it, and still more")
            else:
                self._buses.put(event, lineage)

    def _place_findings(self, event: Event) -> None:
        """A finding that arrives in an event is in Security Hub from then on, unless it was known before."""
        if event["source"] == "aws.securityhub" and isinstance(found := event["detail"].get("findings"), list):
            for finding in found:
                if not isinstance(finding, dict):
                    continue
                key = finding.get("ProductArn"), finding.get("Id")
                if all(isinstance(part, str) for part in key) and key not in self._known_findings:
                    security_hub.receive_finding(*self.hub, finding)

    def _place_resource(self, event: Event) -> None:
        """What AWS Config tells of a resource, that it is gone too, its aggregator knows from then on."""
        if self._has_aggregator and (item := known_resources.carried_by(event)) is not None:
            with suppress(config_aggregator.InvalidItemError):  # whoever handles the event says what is wrong with it
                config_aggregator.put_item(*self.hub, item)

    def _follow_what_is_known(self) -> None:
        times = [finding.get("UpdatedAt") for finding in self._known_findings.values()]
        times += [item.get("configurationItemCaptureTime") for item in self._known_resources]
        for text in times:
            if moment := parse_time(text):
                self.clock.follow(moment)

    def _finding_changed(self, account_id: str, region: str, finding: dict[str, Any]) -> None:
        self.changed_findings[finding["ProductArn"], finding["Id"]] = None
        event = envelopes.imported_event(finding, Place(account_id, region), time=format_time(self.clock.now))
        self._raised.append((event, self.ledger.raised_for(finding)))

    def _message_sent(self, queue_arn: str, message_id: str, body: str) -> None:
        """A message that a function sends itself, or another one; others are known to whoever sends them."""
        if self.calls.caller is not None and queue_arn in self._polled:
            self.ledger.sent_by(self.calls.caller.name, message_id, self._require_queue(queue_arn), body)

    def _item_changed(self, stream_arn: str, record: StreamRecord, texts: Collection[str]) -> None:
        """An item of a table with a stream, which a function has changed; what others change goes back to nothing."""
        if self.calls.caller is not None and (stream := self._streams.get(stream_arn)) is not None:
            stream.note(record, self.ledger.wrote(stream.name, texts))

    # Queues

    def _find_queue(self, arn: str) -> Queue | None:
        if arn not in self._queues:
            resources = (resource for stack in self.topology.stacks() for resource in stack.queues)
            resource = next((resource for resource in resources if resource.arn == arn), None)
            if resource is None:
                return None
            self._queues[arn] = Queue(resource, self.accounts)
        return self._queues[arn]

    def _dead_letter_arns(self, stack: Stack) -> Iterator[str]:
        """The stack's dead-letter queues, in the template's order."""
        targets = {target.dead_letter_arn for rule in stack.rules() for target in rule.targets}
        targets |= {schedule.dead_letter_arn for schedule in stack.schedules}
        if stack is self.topology.hub:
            targets |= {self._require_queue(resource.arn).dead_letter_arn for resource in stack.queues}
            targets |= {mapping.on_failure_arn for mapping in stack.stream_mappings}
        yield from (resource.arn for resource in stack.queues if resource.arn in targets)

    def _require_queue(self, arn: str) -> Queue:
        queue = self._find_queue(arn)
        if queue is None:
            raise LookupError(arn)
        return queue


@contextmanager
def offline(hub: Place) -> Iterator[None]:
    """Within it, this process knows no real account, and the hub's Region is its own."""
    before = _set_environment(_offline_environment(hub))
    try:
        yield
    finally:
        _set_environment(before)


def _offline_environment(hub: Place) -> dict[str, str]:
    """This process's environment without anything that leads to a real account."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    return kept | {
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_DEFAULT_REGION": hub.region,
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "MOTO_ALLOW_NONEXISTENT_REGION": "true",  # some services have no list of a hub's Region in botocore
    }


def _set_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """Replace the process's environment; the one before."""
    before = dict(os.environ)
    os.environ.clear()
    os.environ.update(environment)
    return before
