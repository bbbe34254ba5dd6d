"""What correlation knows (DynamoDB), in one table whose stream is the correlator's.

===========================  ==========================================  ==============================================
``pair``                     ``row``                                     holds
===========================  ==========================================  ==============================================
``<rule>/<resource>``        ``o#<leg>#<event time>#<digest>``           a signal
``<rule>/<resource>``        ``d#<leg>#<event time>#<digest>``           a signal that no longer stands, set aside
``<rule>/<resource>``        ``state``                                   the summary and claim of the pair
``<rule>/<resource>``        ``a#<digest>``                              a pair for which this one's signals count too
``finding/<digest>``         ``versions``                                the versions of a finding
===========================  ==========================================  ==============================================

Access patterns: states and versions by their keys, a hundred a call; the newest signals of a leg, backwards from the
end of ``o#<leg>#``; those within a time, forwards, of ``o#`` and of ``d#``; the pairs in ``a#``. All reads are
consistent: what was written before is seen.

A signal's key is made of all that it says, and its row of nothing else, so that writing it again changes nothing, and
the stream tells of it once. Rows of versions and states are written only as the next revision of what was read. Rows
expire 90 days after the event time that they tell of, states with a claim later than any finding of theirs.
"""

import hashlib
import json
from collections.abc import Callable, Collection, Iterator, Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from responder.aws.batches import delete_items, read_items, write_items
from responder.aws.faults import AwsRefused, aws_call
from responder.domain.correlation.observation import Observation
from responder.domain.correlation.pair_state import Generation, PairState
from responder.domain.correlation.rule import RETENTION
from responder.domain.correlation.signal import KnownFinding, Pair, Signal
from responder.domain.correlation.versions import Order, Version, Versions
from responder.domain.faults import Rejected
from responder.domain.resource import Resource
from responder.domain.security_hub import FindingKey, barely_named
from responder.domain.text import cut, quoted, well_formed

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

KEPT_CLAIM = timedelta(days=400)
"""How long it is known which generations there were, after the last evidence. Security Hub keeps a finding 90 days
after its last update; a generation with the number of one that it still has would be taken for it."""

FIRST_PAGE = 16
"""Signals in the first page that is read of a leg; each page has four times as many as the one before."""

MOST_MENTIONED = 3_000
"""Bytes of a mention with its details. A larger one is kept without them."""

_MOST_TITLE = 256  # as ASFF has it

_ENDLESS = "~"  # sorts after all that a row has behind its prefix

Item = dict[str, Any]


class SignalsTable:
    """SignalStore and PairStore of :mod:`~responder.domain.correlation.ports`. Raises AwsUnavailable or AwsRefused."""

    def __init__(self, client: "DynamoDBClient", table: str, *, clock: Callable[[], datetime]) -> None:
        self._client = client
        self._table = table
        self._clock = clock

    # ---------------------------------------------------------------------------------------------------- findings

    def findings(self, keys: Collection[FindingKey]) -> dict[FindingKey, KnownFinding]:
        by_pair = {_finding_pair(key): key for key in keys}
        rows = read_items(self._client, self._table, [_key(pair, "versions") for pair in by_pair])
        return {key: _known_finding(key, row) for row in rows for key in (by_pair[row["pair"]["S"]],)}

    def remember(self, known: KnownFinding) -> bool:
        latest = max(
            max(version.order.moment, version.time or version.order.moment) for version in known.versions.known
        )
        item = _key(_finding_pair(known.key), "versions") | {
            "finding_id": {"S": known.key.id},
            "versions": {"S": _versions_to_json(known.versions)},
            "expires_at": _expiry(latest + RETENTION),
        }
        written = self._put_next(item, known.revision, "keep the versions of a finding")
        known.revision += written
        return written

    # ----------------------------------------------------------------------------------------------------- signals

    def add(self, signals: Collection[Signal]) -> None:
        rows = {(_pair(signal.pair), _signal_row(signal)): signal for signal in signals}
        items = [_signal_item(signal, row) for (_, row), signal in rows.items()]
        write_items(self._client, self._table, items)

    def newest(self, pair: Pair, leg: str) -> Iterator[Signal]:
        yield from map(read_signal, self._query(pair, f"o#{leg}#", f"o#{leg}#{_ENDLESS}", backwards=True))

    def between(self, pair: Pair, leg: str, start: datetime, end: datetime) -> Iterator[Signal]:
        for kind in ("o", "d"):
            prefix = f"{kind}#{leg}#"
            yield from map(read_signal, self._query(pair, prefix + _time(start), prefix + _time(end) + _ENDLESS))

    def set_aside(self, signals: Collection[Signal]) -> None:
        # Put first: what is cut short is there twice, and not missing.
        items = [_signal_item(signal, _signal_row(signal, "d")) for signal in signals]
        write_items(self._client, self._table, items)
        delete_items(self._client, self._table, [_key(_pair(s.pair), _signal_row(s)) for s in signals])

    # ------------------------------------------------------------------------------------------------------- pairs

    def states(self, pairs: Collection[Pair]) -> dict[Pair, PairState]:
        by_text = {_pair(pair): pair for pair in pairs}
        rows = read_items(self._client, self._table, [_key(text, "state") for text in by_text])
        found = {pair: _state(pair, row) for row in rows for pair in (by_text[row["pair"]["S"]],)}
        return {pair: found.get(pair) or PairState(pair) for pair in pairs}

    def save(self, state: PairState) -> bool:
        times = [signal.observation.time for newest in state.newest.values() for signal in newest]
        expiry = max(times, default=self._clock()) + RETENTION
        if state.generation:
            expiry = max(expiry, state.generation.newest + KEPT_CLAIM, state.generation.updated_at + KEPT_CLAIM)
        item = _key(_pair(state.pair), "state") | {
            "state": {"S": _state_to_json(state)},
            "expires_at": _expiry(expiry),
        }
        written = self._put_next(item, state.revision, "keep the state of a rule and resource")
        state.revision += written
        return written

    def attach(self, related: Pair, pair: Pair) -> None:
        with aws_call("note a related resource"):
            self._client.put_item(
                TableName=self._table,
                Item=_link(related, pair)
                | {
                    "rule": {"S": pair.rule},
                    "resource": {"S": str(pair.resource)},
                    "expires_at": _expiry(self._clock() + RETENTION),
                },
            )

    def detach(self, related: Pair, pair: Pair) -> None:
        with aws_call("forget a related resource"):
            self._client.delete_item(TableName=self._table, Key=_link(related, pair))

    def attached(self, related: Pair) -> list[Pair]:
        now = self._clock().timestamp()
        return [
            Pair(row["rule"]["S"], Resource.parse(row["resource"]["S"]))
            for row in self._query(related, "a#", f"a#{_ENDLESS}")
            if int(row["expires_at"]["N"]) > now  # DynamoDB deletes expired rows within days, not at once
        ]

    # --------------------------------------------------------------------------------------------------- the table

    def _query(self, pair: Pair, first: str, last: str, *, backwards: bool = False) -> Iterator[Item]:
        """The rows between two, both included, read page by page as they are taken."""
        request: dict[str, Any] = {
            "TableName": self._table,
            "KeyConditionExpression": "#pair = :pair AND #row BETWEEN :first AND :last",
            "ExpressionAttributeNames": {"#pair": "pair", "#row": "row"},
            "ExpressionAttributeValues": {":pair": {"S": _pair(pair)}, ":first": {"S": first}, ":last": {"S": last}},
            "ConsistentRead": True,
            "ScanIndexForward": not backwards,
        }
        size = FIRST_PAGE
        while True:
            if backwards:
                request["Limit"] = size
            with aws_call("read rows of a rule and resource"):
                page = self._client.query(**request)
            yield from page["Items"]
            if "LastEvaluatedKey" not in page:
                return
            request["ExclusiveStartKey"] = page["LastEvaluatedKey"]
            size *= 4

    def _put_next(self, item: Item, revision: int, what: str) -> bool:
        """Write the next revision of a row; False if it is no longer of this one."""
        is_as_read: dict[str, Any] = {"ConditionExpression": "attribute_not_exists(revision)"}
        if revision:
            is_as_read = {
                "ConditionExpression": "revision = :read",
                "ExpressionAttributeValues": {":read": {"N": str(revision)}},
            }
        try:
            with aws_call(what):
                self._client.put_item(
                    TableName=self._table, Item=item | {"revision": {"N": str(revision + 1)}}, **is_as_read
                )
        except AwsRefused as refusal:
            if refusal.code == "ConditionalCheckFailedException":
                return False
            raise
        return True


def read_signal(row: Mapping[str, Any]) -> Signal:
    """The signal in a row, as a read or the stream shows it.

    Raises
    ------
    Rejected
        For a row that holds none: this application writes no such rows.
    """
    try:
        texts = {name: _text(value) for name, value in row.items() if name not in ("expires_at", "revision")}
        finding = FindingKey(texts["product_arn"], texts["finding_id"])
        if not all(finding):
            raise ValueError("the finding has no id, or no product")
        return Signal(
            pair=Pair(texts["rule"], Resource.parse(texts["resource"])),
            observation=Observation(
                leg=texts["leg"],
                resource=Resource.parse(texts["observed_on"]),
                value=texts["value"],
                time=_read_time(texts["time"]),
                finding=finding,
            ),
            order=Order(
                _read_time(texts["updated_at"]),
                _read_time(texts["seen_at"]),
                False,
                texts["digest"],
            ),
            title=texts["title"],
            mention=_read_object(texts["mention"]),
            replay=texts.get("replay", ""),
        )
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError) as error:
        raise Rejected("", f"no row of a signal: {type(error).__name__}: {error}") from None


def _key(pair: str, row: str) -> Item:
    return {"pair": {"S": pair}, "row": {"S": row}}


def _pair(pair: Pair) -> str:
    """A resource's id may be longer than a key of DynamoDB, 2,048 bytes."""
    text = f"{pair.rule}/{pair.resource}"
    return text if len(text.encode()) <= 1000 else f"{pair.rule}/{_digest(text)}"


def _finding_pair(key: FindingKey) -> str:
    return f"finding/{_digest(*key)}"


def _link(related: Pair, pair: Pair) -> Item:
    return _key(_pair(related), f"a#{_digest(_pair(pair))}")


def _signal_row(signal: Signal, kind: str = "o") -> str:
    seen, order = signal.observation, signal.order
    digest = _digest(
        str(seen.resource), seen.value, *seen.finding, _time(order.updated_at), _time(order.seen_at), order.digest
    )
    return f"{kind}#{seen.leg}#{_time(seen.time)}#{digest}"


def _signal_item(signal: Signal, row: str) -> Item:
    replay = {"replay": {"S": signal.replay}} if signal.replay else {}
    texts = {name: {"S": text} for name, text in _signal_texts(signal).items()}
    return _key(_pair(signal.pair), row) | texts | replay | {"expires_at": _expiry(signal.observation.time + RETENTION)}


def _signal_texts(signal: Signal) -> dict[str, str]:
    seen, order = signal.observation, signal.order
    mention = json.dumps(signal.mention, sort_keys=True)
    if len(mention) > MOST_MENTIONED:
        mention = json.dumps(barely_named(signal.mention), sort_keys=True)
    return {
        "rule": signal.pair.rule,
        "resource": str(signal.pair.resource),
        "leg": seen.leg,
        "observed_on": str(seen.resource),
        "value": seen.value,
        "time": _time(seen.time),
        "product_arn": seen.finding.product_arn,
        "finding_id": seen.finding.id,
        "updated_at": _time(order.updated_at),
        "seen_at": _time(order.seen_at),
        "digest": order.digest,
        "title": cut(signal.title, _MOST_TITLE),
        "mention": mention,
    }


def _state_to_json(state: PairState) -> str:
    latest = state.generation
    return json.dumps(
        {
            "newest": {leg: [_signal_in_state(signal) for signal in found] for leg, found in state.newest.items()},
            "last_moment": _optional(state.last_moment),
            "set_aside_until": _optional(state.set_aside_until),
            "related": sorted(map(str, state.related)),
            "related_at": _optional(state.related_at),
            "mention": state.mention,
            "mentioned_at": _optional(state.mentioned_at),
            "rule_digest": state.rule_digest,
            "generation": latest and _generation_to_json(latest),
            "is_untold": latest is not None and state.untold.get(latest.number) == latest,
            "untold": [_generation_to_json(earlier) for earlier in state.untold.values() if earlier != latest],
        },
        ensure_ascii=False,
    )


def _state(pair: Pair, row: Item) -> PairState:
    stored: dict[str, Any] = json.loads(row["state"]["S"])
    latest = _generation(pair, stored["generation"]) if stored["generation"] else None
    untold = [_generation(pair, generation) for generation in stored["untold"]]
    if latest and stored["is_untold"]:
        untold.append(latest)
    return PairState(
        pair=pair,
        newest={leg: tuple(_signal_of_state(pair, s) for s in found) for leg, found in stored["newest"].items()},
        last_moment=_read_optional(stored["last_moment"]),
        set_aside_until=_read_optional(stored["set_aside_until"]),
        related=frozenset(map(Resource.parse, stored["related"])),
        related_at=_read_optional(stored["related_at"]),
        mention=stored["mention"],
        mentioned_at=_read_optional(stored["mentioned_at"]),
        rule_digest=stored["rule_digest"],
        generation=latest,
        untold={generation.number: generation for generation in untold},
        revision=int(row["revision"]["N"]),
    )


def _generation_to_json(generation: Generation) -> dict[str, Any]:
    return {
        "number": generation.number,
        "created_at": _time(generation.created_at),
        "as_of": _time(generation.as_of),
        "newest": _time(generation.newest),
        "evidence": [_signal_in_state(signal) for signal in generation.evidence],
        "told": [_signal_in_state(s) for s in generation.told] if generation.told != generation.evidence else None,
        "updated_at": _time(generation.updated_at),
    }


def _generation(pair: Pair, stored: Mapping[str, Any]) -> Generation:
    evidence = tuple(_signal_of_state(pair, signal) for signal in stored["evidence"])
    told = stored["told"]
    return Generation(
        number=stored["number"],
        created_at=_read_time(stored["created_at"]),
        as_of=_read_time(stored["as_of"]),
        newest=_read_time(stored["newest"]),
        evidence=evidence,
        told=evidence if told is None else tuple(_signal_of_state(pair, signal) for signal in told),
        updated_at=_read_time(stored["updated_at"]),
    )


def _signal_in_state(signal: Signal) -> dict[str, str]:
    """Without what the pair says itself."""
    return {name: text for name, text in _signal_texts(signal).items() if name not in ("rule", "resource", "mention")}


def _signal_of_state(pair: Pair, stored: Mapping[str, str]) -> Signal:
    texts = {"rule": pair.rule, "resource": str(pair.resource), "mention": "{}", **stored}
    return read_signal({name: {"S": text} for name, text in texts.items()})


def _versions_to_json(versions: Versions) -> str:
    sets: dict[frozenset[str], int] = {}
    rows = [
        [
            _time(version.order.updated_at),
            _time(version.order.seen_at),
            version.order.is_closed,
            version.order.digest,
            _optional(version.time),
            sets.setdefault(version.said, len(sets)),
        ]
        for version in versions.known
    ]
    return json.dumps({"said": [sorted(said) for said in sets], "versions": rows})


def _known_finding(key: FindingKey, row: Item) -> KnownFinding:
    stored = json.loads(row["versions"]["S"])
    said = [frozenset(marks) for marks in stored["said"]]
    known = [
        Version(
            Order(_read_time(updated_at), _read_time(seen_at), is_closed, digest),
            said[number],
            _read_optional(time),
        )
        for updated_at, seen_at, is_closed, digest, time, number in stored["versions"]
    ]
    return KnownFinding(key, Versions(known), int(row["revision"]["N"]))


def _time(moment: datetime) -> str:
    """Of one length, so that texts sort as times do."""
    return moment.isoformat(timespec="microseconds")


def _optional(moment: datetime | None) -> str | None:
    return None if moment is None else _time(moment)


def _read_optional(text: str | None) -> datetime | None:
    return None if text is None else _read_time(text)


def _read_time(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(f"{text} is a time without a zone")
    return moment


def _text(attribute: Mapping[str, Any]) -> str:
    text = attribute["S"]
    if not isinstance(text, str):
        raise TypeError(f"a text is of type {type(text).__name__}")
    return str(well_formed(text))


def _read_object(text: str) -> dict[str, Any]:
    value = well_formed(json.loads(text))  # whose escapes may write half a character
    if not isinstance(value, dict):
        raise TypeError(f"{quoted(value)} is no object")
    return value


def _expiry(moment: datetime) -> dict[str, str]:
    return {"N": str(int(moment.timestamp()) + 1)}


def _digest(*texts: str) -> str:
    return hashlib.sha256("\0".join(texts).encode()).hexdigest()[:24]
