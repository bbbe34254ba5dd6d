"""The incidents table (DynamoDB): which causes have an incident, and which events were taken in.

=================  ========================  ===================================================================
``key``            ``entry``                 the row
=================  ========================  ===================================================================
incident key       ``incident``              the state of the key's newest generation; kept for ever
incident key       ``event#<digest>``        an event that was taken in; kept for 400 days
incident key       ``waiting#<digest>``      an event that opens nothing, for an incident that may yet open; 2 days
``started/<scope>`` ``<year>-<month>``       how many incidents were started in that month; kept for 400 days
=================  ========================  ===================================================================

Access: state and event of a key in one BatchGetItem (strongly consistent); the waiting rows of a key in one Query.
"""

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal

from botocore.exceptions import ClientError

from responder.aws.batches import read_items
from responder.aws.faults import AwsRefused, AwsUnavailable, aws_call
from responder.aws.stored import members, to_json
from responder.domain.incident.occurrence import Headline, IncidentRequest, Occurrence, RelatedItem, digest
from responder.domain.incident.ports import Coalesced, IncidentState, LostRace, Stage

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import AttributeValueTypeDef, PutTypeDef, UpdateTypeDef

EVENTS_KEPT = timedelta(days=400)
"""Longer than an archive of a year, so that a replay finds what it replays."""

WAITING_KEPT = timedelta(days=2)
"""Longer than the 24 hours for which EventBridge retries a delivery."""

_STATE = "incident"

Item = dict[str, Any]


class IncidentsTable:
    """The ledger of the incident desk. What each call means: :class:`~responder.domain.incident.ports.Ledger`."""

    def __init__(self, client: "DynamoDBClient", table: str) -> None:
        self._client = client
        self._table = table

    def look_up(self, occurrence: Occurrence) -> tuple[IncidentState | None, bool]:
        entries = [_STATE, _event_entry(occurrence)]
        keys = [{"key": {"S": occurrence.key}, "entry": {"S": entry}} for entry in entries]
        rows = {row["entry"]["S"]: row for row in read_items(self._client, self._table, keys)}
        state = rows.get(_STATE)
        return (_state(state) if state else None), entries[1] in rows

    def claim(self, request: IncidentRequest, *, after: IncidentState | None, lease_until: datetime) -> IncidentState:
        # Two functions take in events of the same key at once:
        #   A: read none .. put generation 1, claimed -> holds the claim
        #   B: read none ............................... put fails: the row is there (or no longer as it was read)
        headline = request.headline
        claimed = IncidentState(
            key=request.key,
            generation=request.generation,
            stage=Stage.CLAIMED,
            request=request,
            headline=headline,
            lease_until=lease_until,
            incident=None,
            problem=None,
            since=request.occurred_at,
            titles=frozenset({headline.title}),
            impacts=frozenset({headline.impact}),
            entries=0,
            coalesced=None,
            related=frozenset(item.target for item in request.related_items),
        )
        row: Item = {
            "key": {"S": request.key},
            "entry": {"S": _STATE},
            "generation": {"N": str(request.generation)},
            "stage": {"S": Stage.CLAIMED},
            "request": {"S": to_json(request)},
            "headline": {"S": to_json(headline)},
            "lease_until": {"S": lease_until.isoformat()},
            "since": {"S": request.occurred_at.isoformat()},
            "titles": {"SS": [headline.title]},
            "impacts": {"NS": [str(headline.impact)]},
            "entries": {"N": "0"},
        }
        if claimed.related:
            row["related"] = {"SS": sorted(claimed.related)}
        with _conditional_write("claim an incident"):
            if after is None:
                self._client.put_item(
                    TableName=self._table,
                    Item=row,
                    ConditionExpression="attribute_not_exists(#key)",
                    ExpressionAttributeNames={"#key": "key"},
                )
            else:
                self._client.put_item(
                    TableName=self._table,
                    Item=row,
                    ConditionExpression="generation = :generation AND stage = :stage",
                    ExpressionAttributeValues={
                        ":generation": {"N": str(after.generation)},
                        ":stage": {"S": after.stage},
                    },
                )
        return claimed

    def take_over(self, state: IncidentState, *, lease_until: datetime) -> IncidentState:
        # Two functions find the same abandoned claim: the lease that both read admits only the first.
        self._update(
            "take over a claim",
            state,
            "SET lease_until = :until",
            {":until": {"S": lease_until.isoformat()}, ":read": {"S": _iso(state.lease_until)}},
            condition="stage = :stage AND lease_until = :read",
        )
        return replace(state, lease_until=lease_until)

    def open(self, state: IncidentState, incident: str, now: datetime) -> IncidentState:
        # Not conditional on the lease: whoever acted on this claim, even past its lease, started the same incident.
        self._update(
            "record an incident",
            state,
            "SET stage = :next, incident = :incident, since = :now REMOVE lease_until",
            {":next": {"S": Stage.OPEN}, ":incident": {"S": incident}, ":now": {"S": now.isoformat()}},
            condition="stage = :stage",
        )
        return replace(state, stage=Stage.OPEN, incident=incident, since=now, lease_until=None)

    def count_started(self, scope: str, now: datetime) -> int:
        with aws_call("count an incident"):
            answer = self._client.update_item(
                TableName=self._table,
                Key=_month(scope, now),
                UpdateExpression="ADD started :one SET expires_at = :expiry",
                ExpressionAttributeValues={
                    ":one": {"N": "1"},
                    ":expiry": {"N": str(int((now + EVENTS_KEPT).timestamp()))},
                },
                ReturnValues="UPDATED_NEW",
            )
        return int(answer["Attributes"]["started"]["N"])

    def started(self, scope: str, now: datetime) -> int:
        with aws_call("read the count of incidents"):
            answer = self._client.get_item(TableName=self._table, Key=_month(scope, now), ConsistentRead=True)
        return int(answer["Item"]["started"]["N"]) if "Item" in answer else 0

    def give_up(self, state: IncidentState, reason: str, now: datetime) -> IncidentState:
        self._update(
            "record an incident that could not be opened",
            state,
            "SET stage = :next, reason = :reason, since = :now REMOVE lease_until",
            {":next": {"S": Stage.NOTIFIED}, ":reason": {"S": reason}, ":now": {"S": now.isoformat()}},
            condition="stage = :stage",
        )
        return replace(state, stage=Stage.NOTIFIED, problem=reason, since=now, lease_until=None)

    def raise_headline(self, state: IncidentState, headline: Headline) -> IncidentState:
        # Two graver events at once: the second finds another headline than it read, and compares again.
        row = self._update(
            "raise an incident's headline",
            state,
            "SET headline = :next ADD titles :titles, impacts :impacts",
            {
                ":next": {"S": to_json(headline)},
                ":titles": {"SS": [headline.title]},
                ":impacts": {"NS": [str(headline.impact)]},
                ":read": {"S": to_json(state.headline)},
            },
            condition="stage = :stage AND headline = :read",
            returned="ALL_NEW",
        )
        return _state(row, state.request)  # which no change of a generation touches

    def record(
        self,
        state: IncidentState,
        occurrence: Occurrence,
        *,
        related: frozenset[str] = frozenset(),
        entry: bool = False,
        coalesced: Coalesced | None = None,
    ) -> None:
        # One transaction, so that an event counts once:
        #   A: write entry ................ record: event row is new -> entries + 1
        #   B: write entry (same token) ............................... event row is there -> nothing, and no harm
        # The shared entry holds a count, so that it also depends on the count that was read.
        values: Item = {":generation": {"N": str(state.generation)}}
        condition, sets, adds = "generation = :generation", [], []
        if entry:
            adds.append("entries :one")
            values[":one"] = {"N": "1"}
        if related:
            adds.append("related :related")
            values[":related"] = {"SS": sorted(related)}
        if coalesced is not None:
            sets.append("coalesced = :coalesced")
            values[":coalesced"] = {"S": to_json(coalesced)}
            if state.coalesced is None:
                condition += " AND attribute_not_exists(coalesced)"
            else:
                condition += " AND coalesced = :read"
                values[":read"] = {"S": to_json(state.coalesced)}
        event_row: dict[str, AttributeValueTypeDef] = {
            "key": {"S": occurrence.key},
            "entry": {"S": _event_entry(occurrence)},
            "event_id": {"S": occurrence.event_id},
            "generation": {"N": str(state.generation)},
            "occurred_at": {"S": occurrence.occurred_at.isoformat()},
            "expires_at": {"N": str(int((max(occurrence.occurred_at, state.since) + EVENTS_KEPT).timestamp()))},
        }
        put: PutTypeDef = {
            "TableName": self._table,
            "Item": event_row,
            "ConditionExpression": "attribute_not_exists(#key)",
            "ExpressionAttributeNames": {"#key": "key"},
        }
        if not sets and not adds:
            with _conditional_write("record an event"):
                self._client.put_item(**put)
            return
        clauses = [f"{verb} {', '.join(terms)}" for verb, terms in (("SET", sets), ("ADD", adds)) if terms]
        update: UpdateTypeDef = {
            "TableName": self._table,
            "Key": {"key": {"S": state.key}, "entry": {"S": _STATE}},
            "UpdateExpression": " ".join(clauses),
            "ConditionExpression": condition,
            "ExpressionAttributeValues": values,
        }
        with _conditional_write("record an event"):
            self._client.transact_write_items(TransactItems=[{"Put": put}, {"Update": update}])

    def keep_waiting(self, occurrence: Occurrence, now: datetime) -> None:
        with aws_call("keep an event waiting"):
            self._client.put_item(
                TableName=self._table,
                Item={
                    "key": {"S": occurrence.key},
                    "entry": {"S": f"waiting#{digest(occurrence.fingerprint)[:32]}"},
                    "occurrence": {"S": _occurrence_to_json(occurrence)},
                    "expires_at": {"N": str(int((now + WAITING_KEPT).timestamp()))},
                },
            )

    def waiting(self, key: str, now: datetime) -> list[Occurrence]:
        kept: list[Occurrence] = []
        request: dict[str, Any] = {
            "TableName": self._table,
            "ConsistentRead": True,
            "KeyConditionExpression": "#key = :key AND begins_with(entry, :waiting)",
            "FilterExpression": "expires_at > :now",  # DynamoDB deletes expired rows within days, not at once
            "ExpressionAttributeNames": {"#key": "key"},
            "ExpressionAttributeValues": {
                ":key": {"S": key},
                ":waiting": {"S": "waiting#"},
                ":now": {"N": str(int(now.timestamp()))},
            },
        }
        while True:  # boto3's paginator costs more than reading the event
            with aws_call("read the events that wait"):
                page = self._client.query(**request)
            kept += [_occurrence(row["occurrence"]["S"]) for row in page["Items"]]
            if "LastEvaluatedKey" not in page:
                return sorted(kept, key=lambda occurrence: (occurrence.occurred_at, occurrence.fingerprint))
            request["ExclusiveStartKey"] = page["LastEvaluatedKey"]

    def _update(
        self,
        what: str,
        state: IncidentState,
        change: str,
        values: Item,
        *,
        condition: str,
        returned: Literal["NONE", "ALL_NEW"] = "NONE",
    ) -> Item:
        """Change the state row, if it still is of the generation and stage that was read.

        Gives the row, if it is to be returned. That of a claim need not be: it holds a long request, and but for its
        lease, on which a take-over depends, nothing of it changes until it is no claim any more.
        """
        with _conditional_write(what):
            answer = self._client.update_item(
                TableName=self._table,
                Key={"key": {"S": state.key}, "entry": {"S": _STATE}},
                UpdateExpression=change,
                ConditionExpression=f"generation = :generation AND {condition}",
                ExpressionAttributeValues={
                    ":generation": {"N": str(state.generation)},
                    ":stage": {"S": state.stage},
                    **values,
                },
                ReturnValues=returned,
            )
        return answer.get("Attributes", {})


class _conditional_write(aws_call):  # noqa: N801 - a frame of a call, as that is
    """Turns a failed condition into LostRace, and other errors as :class:`aws_call` does."""

    __slots__ = ()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        try:
            super().__exit__(kind, error, trace)
        except AwsRefused as refusal:
            codes = {refusal.code}
            if isinstance(refusal.__cause__, ClientError):
                reasons: Any = refusal.__cause__.response.get("CancellationReasons", [])
                codes |= {reason.get("Code") for reason in reasons}
            if codes & {"ConditionalCheckFailed", "ConditionalCheckFailedException", "TransactionConflict"}:
                raise LostRace(f"could not {self._what}: the row changed since it was read") from refusal
            if codes & {"ProvisionedThroughputExceeded", "ThrottlingError"}:
                raise AwsUnavailable(f"could not {self._what}: the incidents table is throttled") from refusal
            raise


def _month(scope: str, now: datetime) -> "dict[str, AttributeValueTypeDef]":
    return {"key": {"S": f"started/{scope}"}, "entry": {"S": f"{now.year:04}-{now.month:02}"}}


def _event_entry(occurrence: Occurrence) -> str:
    return f"event#{digest(occurrence.fingerprint)[:32]}"


def _state(row: Mapping[str, Any], request: IncidentRequest | None = None) -> IncidentState:
    """The state in a row; of its request, if that is known, the text need not be read."""
    coalesced, lease_until = row.get("coalesced"), row.get("lease_until")
    return IncidentState(
        key=row["key"]["S"],
        generation=int(row["generation"]["N"]),
        stage=Stage(row["stage"]["S"]),
        request=request or _request(row["request"]["S"]),
        headline=Headline(**json.loads(row["headline"]["S"])),
        lease_until=datetime.fromisoformat(lease_until["S"]) if lease_until else None,
        incident=row["incident"]["S"] if "incident" in row else None,
        problem=row["reason"]["S"] if "reason" in row else None,
        since=datetime.fromisoformat(row["since"]["S"]),
        titles=frozenset(row["titles"]["SS"]),
        impacts=frozenset(map(int, row["impacts"]["NS"])),
        entries=int(row["entries"]["N"]),
        coalesced=Coalesced(**json.loads(coalesced["S"])) if coalesced else None,
        related=frozenset(row["related"]["SS"]) if "related" in row else frozenset(),
    )


def _request(text: str) -> IncidentRequest:
    stored = json.loads(text)
    stored["headline"] = Headline(**stored["headline"])
    return IncidentRequest(**stored | _typed(stored))


def _occurrence_to_json(occurrence: Occurrence) -> str:
    return to_json({name: value for name, value in members(occurrence).items() if name != "document"})


def _occurrence(text: str) -> Occurrence:
    stored = json.loads(text)
    return Occurrence(**stored | _typed(stored), document={})


def _typed(stored: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "occurred_at": datetime.fromisoformat(stored["occurred_at"]),
        "related_items": tuple(RelatedItem(**item) for item in stored["related_items"]),
    }


def _iso(moment: datetime | None) -> str:
    return (moment or datetime.min.replace(tzinfo=UTC)).isoformat()
