"""Where moto does not do what AWS does, and what is done about it: its CloudFormation above all. All of it is here.

Known and left alone: policies are not enforced, alarms do not watch, items with a TTL do not expire, a stream has one
shard whatever the table's size, and its records' `SizeBytes` are too large, moto's EventBridge and Lambda deliver
nothing (the sandbox does: `buses`, `pollers`, `stream_pollers`).
"""

from __future__ import annotations

import copy
import json
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta
from types import ModuleType
from typing import Any

from responder.patterns import InvalidPattern, compile_pattern

from .aws_services.model import message, operation_model, violations

# moto's CloudFormation imports every service that it can create resources of, these among them, which takes longer than
# all other imports of the sandbox together. No template here has resources of theirs.
_SERVICES_NOT_DEPLOYED = (
    *("apigateway", "autoscaling", "batch", "datapipeline", "ec2", "ecs", "efs", "elb", "elbv2", "emr", "iot", "rds"),
    *("redshift", "route53", "sagemaker"),
)


@contextmanager
def _left_out(services: tuple[str, ...]) -> Iterator[None]:
    """Let the imports within find empty modules for the services; who needs one later finds the real one."""
    empty: dict[str, Any] = {}
    for service in services:
        if (name := f"moto.{service}") not in sys.modules:
            empty[name], empty[f"{name}.models"] = ModuleType(name), ModuleType(f"{name}.models")
            empty[name].models = empty[f"{name}.models"]
    if "moto.ec2" in empty:
        core = empty["moto.ec2.models.core"] = ModuleType("moto.ec2.models.core")
        core.TaggedEC2Resource = type("TaggedEC2Resource", (), {})  # type: ignore[attr-defined] # what stacks tag
        empty["moto.ec2"].ec2_backends = None  # where ssm's SendCommand looks instances up by their tags
    sys.modules.update(empty)
    try:
        yield
    finally:
        for name in empty:
            del sys.modules[name]


with _left_out(_SERVICES_NOT_DEPLOYED):
    from moto.awslambda import models as lambda_models
    from moto.cloudformation import models as cloudformation_models
    from moto.cloudformation import parsing
    from moto.core.utils import unix_time, unix_time_millis, utcnow
    from moto.dynamodb.exceptions import ERROR_TYPE_PREFIX, DynamodbException
    from moto.dynamodb.models import DynamoDBBackend, dynamodb_backends
    from moto.dynamodb.models.dynamo_type import DynamoType, Item
    from moto.dynamodb.models.table import StreamRecord, StreamShard, Table
    from moto.dynamodb.responses import DynamoHandler
    from moto.events import models as events_models
    from moto.sqs.models import Queue, SQSBackend

MAXIMUM_PATTERN_CHARACTERS = 2048  # EventBridge quotas: "Event pattern size", the default
MAXIMUM_TARGETS = 5  # EventBridge quotas: "Targets per rule"
MAXIMUM_FILTERS = 5  # Lambda developer guide, "Control which events Lambda sends to your function": by default
SHORTEST_RECORD_AGE = 60  # seconds; the Lambda API reference's of MaximumRecordAgeInSeconds, unless it is -1

STREAM_VIEW_TYPES = ("KEYS_ONLY", "NEW_AND_OLD_IMAGES", "NEW_IMAGE", "OLD_IMAGE")

WITHOUT_EFFECT_HERE = {
    "AWS::CloudWatch::Alarm",
    "AWS::CloudWatch::CompositeAlarm",
    "AWS::Events::EventBusPolicy",
    "AWS::Lambda::EventInvokeConfig",
    "AWS::Logs::MetricFilter",
    "AWS::Logs::QueryDefinition",
    "AWS::SNS::Subscription",  # what was published is in the report, whoever subscribed
    "AWS::SNS::TopicPolicy",
    "AWS::SQS::QueuePolicy",
    "AWS::SSMContacts::Contact",  # whom Incident Manager engages is not simulated
    "AWS::SSMContacts::ContactChannel",
    "AWS::SSMContacts::Plan",
    "AWS::SSMIncidents::ReplicationSet",
}
"""Types that moto cannot create, and that hold no state and move no event: they are left out of the deployment."""


class DeploymentError(Exception):
    """A template that AWS would not deploy, or that the sandbox cannot; the message names the resource."""


def install() -> None:
    """Mend moto, once a process."""
    if not hasattr(events_models.Rule, "_mended_by_the_sandbox"):
        events_models.Rule._mended_by_the_sandbox = True  # type: ignore[attr-defined]
        _mend_references()
        _mend_event_patterns()
        _mend_tables()
        _mend_streams()
        _mend_stream_mappings()
        _mend_transactions()
        _mend_queues()
        _mend_template_parsing()
        _mend_unknown_types()
        lambda_models.do_validate_s3 = lambda: False  # a function's code stays in its folder, not in a bucket


def deployable(template: dict[str, Any]) -> dict[str, Any]:
    """The template without what moto cannot create and nobody here would notice."""
    resources = {}
    for logical_id, resource in template["Resources"].items():
        if resource["Type"] == "AWS::Events::Rule" and _has_text_for_a_number(resource.get("Properties", {})):
            # To AWS a parameter is text whatever its type; moto makes it a number, and the pattern valid.
            raise DeploymentError(f"{logical_id}: a reference under numeric gives text, which EventBridge refuses")
        if resource["Type"] not in WITHOUT_EFFECT_HERE:
            resources[logical_id] = resource
    return template | {"Resources": resources}


def _has_text_for_a_number(pattern: object) -> bool:
    """Whether an event pattern, as an object with intrinsic functions, computes an operand of `numeric`."""
    if isinstance(pattern, list):
        return any(map(_has_text_for_a_number, pattern))
    if not isinstance(pattern, dict):
        return False
    return any(
        _is_computed(value) if key == "numeric" else _has_text_for_a_number(value) for key, value in pattern.items()
    )


def _is_computed(operand: object) -> bool:
    if isinstance(operand, dict):
        return operand.keys() != {"Fn::If"} or any(map(_is_computed, operand["Fn::If"][1:]))
    return isinstance(operand, list) and any(map(_is_computed, operand))


def parameter_values(template: dict[str, Any], given: dict[str, str]) -> dict[str, str]:
    """Every parameter's value as text, defaults spelled out: moto splits a CommaDelimitedList only when it is given."""
    parameters = template.get("Parameters", {})
    if unknown := given.keys() - parameters.keys():
        raise DeploymentError(f"the template has no parameter {', '.join(sorted(unknown))}")
    values = {name: parameter["Default"] for name, parameter in parameters.items() if "Default" in parameter} | given
    if missing := parameters.keys() - values.keys():
        raise DeploymentError(f"parameters without a value: {', '.join(sorted(missing))}")
    return {name: text_of(value) for name, value in values.items()}


def text_of(value: object) -> str:
    """A scalar as CloudFormation makes it text."""
    return json.dumps(value) if isinstance(value, bool) else str(value)


def _mend_references() -> None:
    # AWS: `Ref` of a bus is its name, and of a rule on it "<bus>|<rule>". moto: the Python object, and the rule's name.
    def rule_reference(rule: events_models.Rule) -> str:
        return rule.name if rule.event_bus_name == "default" else f"{rule.event_bus_name}|{rule.name}"

    events_models.EventBus.physical_resource_id = property(lambda bus: bus.name)  # type: ignore[attr-defined]
    events_models.Rule.physical_resource_id = property(rule_reference)  # type: ignore[assignment]


def _mend_event_patterns() -> None:
    # moto crashes on a pattern that is one JSON string, which a number from a parameter needs (to AWS, `Ref` gives
    # text). By the time a rule is created moto has resolved the string's intrinsics. It also takes what AWS refuses.
    create = events_models.Rule.create_from_cloudformation_json.__func__  # type: ignore[attr-defined]

    def create_rule(cls: type, resource_name: str, resource: Any, *args: Any, **kwargs: Any) -> events_models.Rule:
        properties, logical_id = resource["Properties"], kwargs.get("LogicalId", resource_name)
        if (pattern := properties.get("EventPattern")) is not None:
            properties["EventPattern"] = _accepted_pattern(logical_id, pattern)
        if len(properties.get("Targets", [])) > MAXIMUM_TARGETS:
            raise DeploymentError(f"{logical_id}: EventBridge takes up to {MAXIMUM_TARGETS} targets a rule")
        rule: events_models.Rule = create(cls, resource_name, resource, *args, **kwargs)
        return rule

    events_models.Rule.create_from_cloudformation_json = classmethod(create_rule)  # type: ignore[assignment]

    # Of an archive it is the other way round: moto takes the string of the API alone.
    create_it = events_models.Archive.create_from_cloudformation_json.__func__  # type: ignore[attr-defined]

    def create_archive(cls: type, name: str, resource: Any, *args: Any, **kwargs: Any) -> events_models.Archive:
        properties = resource["Properties"]
        if (pattern := properties.get("EventPattern")) is not None:
            properties["EventPattern"] = json.dumps(_accepted_pattern(kwargs.get("LogicalId", name), pattern))
        archive: events_models.Archive = create_it(cls, name, resource, *args, **kwargs)
        return archive

    events_models.Archive.create_from_cloudformation_json = classmethod(create_archive)  # type: ignore[assignment]


def _accepted_pattern(logical_id: str, pattern: str | dict[str, Any]) -> dict[str, Any]:
    text = pattern if isinstance(pattern, str) else json.dumps(pattern, separators=(",", ":"))
    if len(text) > MAXIMUM_PATTERN_CHARACTERS:
        limit = f"{MAXIMUM_PATTERN_CHARACTERS:,}"
        raise DeploymentError(f"{logical_id}: an event pattern of {len(text):,} characters; EventBridge takes {limit}")
    try:
        parsed: dict[str, Any] = json.loads(text)
        compile_pattern(parsed)
    except json.JSONDecodeError as error:
        raise DeploymentError(f"{logical_id}: the event pattern is not JSON: {error}") from error
    except InvalidPattern as error:
        raise DeploymentError(f"{logical_id}: EventBridge refuses the event pattern: {error}") from error
    return parsed


def _mend_unknown_types() -> None:
    # moto warns of a type that it cannot create, and goes on without the resource; of a false condition, nobody minds.
    find = parsing.resource_class_from_type

    def resource_class(resource_type: str) -> Any:
        if (found := find(resource_type)) is None:
            raise DeploymentError(f"the sandbox cannot deploy {resource_type} yet")
        return found

    parsing.resource_class_from_type = resource_class


def _mend_tables() -> None:
    # moto leaves TimeToLiveSpecification out when a stack creates a table, and takes any StreamSpecification.
    create = Table.create_from_cloudformation_json.__func__  # type: ignore[attr-defined]

    def create_table(cls: type, /, name: str, resource: Any, account: str, region: str, **kwargs: Any) -> Any:
        if (stream := resource["Properties"].get("StreamSpecification")) and (fault := _fault_of_stream(stream)):
            raise DeploymentError(f"{kwargs.get('LogicalId', name)}: {fault}")
        table = create(cls, name, resource, account, region, **kwargs)
        if specification := resource["Properties"].get("TimeToLiveSpecification"):
            dynamodb_backends[account][region].update_time_to_live(name, specification)
        return table

    Table.create_from_cloudformation_json = classmethod(create_table)  # type: ignore[assignment]


def _fault_of_stream(specification: dict[str, Any]) -> str | None:
    if unknown := specification.keys() - {"StreamViewType"}:
        return f"the sandbox does not know {', '.join(sorted(unknown))} of a table's stream yet"
    if (view_type := specification.get("StreamViewType")) not in STREAM_VIEW_TYPES:
        return f"DynamoDB has no StreamViewType {view_type}, only {', '.join(STREAM_VIEW_TYPES)}"
    return None


def _mend_streams() -> None:
    # To AWS a write that changes nothing of an item makes no record ("Change data capture for DynamoDB Streams" in the
    # DynamoDB developer guide), and an update of an item that was not there makes one. moto makes one, and two: of an
    # item with nothing but its key first. And it invokes functions itself, with all that the stream ever held.
    update = DynamoDBBackend.update_item

    def add(shard: StreamShard, old: Item | None, new: Item | None) -> None:
        if (held := vars(shard).get("held_by_the_sandbox")) is not None:
            held.append((old, new))
        elif old is None or new is None or _content(old) != _content(new):
            name = "INSERT" if old is None else "REMOVE" if new is None else "MODIFY"
            view_type = (shard.table.stream_specification or {})["StreamViewType"]
            number = shard.starting_sequence_number + len(shard.items)
            shard.items.append(StreamRecord(shard.table, view_type, name, old, new, number))

    def update_item(backend: DynamoDBBackend, table_name: str, *args: Any, **kwargs: Any) -> Item:
        table = backend.tables.get(table_name)
        if table is None or (shard := table.stream_shard) is None:
            return update(backend, table_name, *args, **kwargs)
        held: list[tuple[Item | None, Item | None]] = []
        vars(shard)["held_by_the_sandbox"] = held
        try:
            item = update(backend, table_name, *args, **kwargs)
        finally:
            del vars(shard)["held_by_the_sandbox"]
        shard.add(held[0][0], held[-1][1])
        return item

    StreamShard.add = add  # type: ignore[method-assign,assignment]
    DynamoDBBackend.update_item = update_item  # type: ignore[method-assign,assignment]


def _content(item: Item) -> dict[str, Any]:
    """An item's attributes, sets without their order."""
    attributes = item.to_json()["Attributes"]
    return {
        name: {kind: sorted(value) if kind in ("SS", "NS", "BS") else value for kind, value in attribute.items()}
        for name, attribute in attributes.items()
    }


_KNOWN_OF_A_STREAMS_MAPPING = {
    *("EventSourceArn", "FunctionName", "Enabled", "StartingPosition", "BatchSize", "MaximumBatchingWindowInSeconds"),
    *("BisectBatchOnFunctionError", "MaximumRetryAttempts", "MaximumRecordAgeInSeconds", "ParallelizationFactor"),
    *("FunctionResponseTypes", "DestinationConfig", "FilterCriteria"),
    *("KmsKeyArn", "MetricsConfig", "Tags"),  # without effect here
}


def _mend_stream_mappings() -> None:
    # moto takes any properties of an event source mapping, the misspelt ones, too.
    create = lambda_models.EventSourceMapping.create_from_cloudformation_json.__func__  # type: ignore[attr-defined]

    def create_mapping(cls: type, resource_name: str, resource: Any, *args: Any, **kwargs: Any) -> Any:
        properties = resource["Properties"]
        if ":dynamodb:" in str(properties.get("EventSourceArn")):
            properties.update(_scalars(properties))
            if fault := _fault_of_stream_mapping(properties):
                raise DeploymentError(f"{kwargs.get('LogicalId', resource_name)}: {fault}")
        return create(cls, resource_name, resource, *args, **kwargs)

    lambda_models.EventSourceMapping.create_from_cloudformation_json = classmethod(create_mapping)  # type: ignore[assignment]


def _scalars(properties: Mapping[str, Any]) -> dict[str, Any]:
    """Numbers and truth values that are texts, as CloudFormation reads them: what a parameter gives is one."""
    read: dict[str, Any] = {}
    for name, value in properties.items():
        if isinstance(value, str) and name not in ("EventSourceArn", "FunctionName", "StartingPosition", "KmsKeyArn"):
            with suppress(ValueError):
                read[name] = json.loads(value)
    return read


def _fault_of_stream_mapping(properties: dict[str, Any]) -> str | None:
    """Why AWS would not create it, or the sandbox cannot."""
    if unknown := properties.keys() - _KNOWN_OF_A_STREAMS_MAPPING:
        return f"the sandbox does not know {', '.join(sorted(unknown))} of a stream's mapping yet"
    shape = operation_model("lambda", "CreateEventSourceMapping").input_shape
    assert shape is not None
    named_otherwise = ("KmsKeyArn", "Tags")
    if found := list(violations(shape, {k: v for k, v in properties.items() if k not in named_otherwise})):
        return message(found)
    if (position := properties.get("StartingPosition")) not in ("LATEST", "TRIM_HORIZON"):
        return f"a DynamoDB stream is read from LATEST or TRIM_HORIZON, not from {position}"
    if 0 <= (age := properties.get("MaximumRecordAgeInSeconds", -1)) < SHORTEST_RECORD_AGE:
        return f"a MaximumRecordAgeInSeconds of {age}; Lambda takes -1, or {SHORTEST_RECORD_AGE} and more"
    return _fault_of_destinations(properties) or _fault_of_filters(properties)


def _fault_of_destinations(properties: Mapping[str, Any]) -> str | None:
    destinations = properties.get("DestinationConfig", {})
    if unknown := destinations.keys() - {"OnFailure"}:
        return f"the sandbox does not know the destination {', '.join(sorted(unknown))} of a stream's mapping yet"
    arn = destinations.get("OnFailure", {}).get("Destination", "")
    if arn.endswith(".fifo"):
        return f"Lambda sends failed records to no FIFO destination, as {arn} is"
    return None


def _fault_of_filters(properties: Mapping[str, Any]) -> str | None:
    filters = properties.get("FilterCriteria", {}).get("Filters", [])
    if len(filters) > MAXIMUM_FILTERS:
        return f"Lambda takes up to {MAXIMUM_FILTERS} filters a mapping"
    for entry in filters:
        try:
            compile_pattern(json.loads(entry["Pattern"]))
        except KeyError:
            return "a filter has no Pattern"
        except ValueError as error:  # what is not JSON, and what is no pattern
            return f"Lambda refuses the filter {entry['Pattern']}: {error}"
    return None


def _mend_queues() -> None:
    # moto counts all messages of a queue, and asks the time for each, whenever one is sent or received: n messages take
    # n² steps, of some microseconds.
    def messages(queue: Queue) -> list[Any]:
        now = unix_time_millis()
        return [message for message in queue._messages if message.visible_at < now >= message.delayed_until]

    def delayed(queue: Queue) -> int:
        now = unix_time_millis()
        return sum(now < message.delayed_until for message in queue._messages)

    def not_visible(queue: Queue) -> int:
        now = unix_time_millis()
        return sum(now <= message.visible_at for message in queue._messages)

    def is_retained(backend: SQSBackend, queue_name: str, message: Any) -> bool:
        kept_seconds: int = backend.get_queue(queue_name).message_retention_period  # type: ignore[attr-defined]
        return bool(kept_seconds + message.sent_timestamp / 1000 > unix_time())

    Queue.messages = property(messages)  # type: ignore[method-assign,assignment]
    Queue.approximate_number_of_messages_delayed = property(delayed)  # type: ignore[method-assign,assignment]
    Queue.approximate_number_of_messages_not_visible = property(not_visible)  # type: ignore[method-assign,assignment]
    SQSBackend.is_message_valid_based_on_retention_period = is_retained  # type: ignore[method-assign]


def _mend_transactions() -> None:
    # moto copies every item of a transaction's tables, in case it has to roll back, which makes n transactions take n²
    # steps. And it forgets client tokens: to AWS the second of two equal requests with one token is done already, which
    # is how a transaction survives a lost answer.
    transact, answer = DynamoDBBackend.transact_write_items, DynamoHandler.transact_write_items

    def transact_write_items(backend: DynamoDBBackend, transact_items: list[dict[str, Any]]) -> None:
        with _rolled_back_on_failure(backend, transact_items):
            transact(backend, transact_items)

    def answer_once(handler: DynamoHandler) -> Any:
        items, token = handler.body["TransactItems"], handler.body.get("ClientRequestToken")
        done: dict[str, tuple[datetime, str, Any]] = vars(handler.dynamodb_backend).setdefault("client_tokens", {})
        now, content = utcnow(), json.dumps(items, sort_keys=True)
        while done and next(iter(done.values()))[0] < now - CLIENT_TOKENS_KEPT:
            del done[next(iter(done))]
        if token in done:
            _, known, result = done[token]
            if known != content:
                raise _TokenReusedError
            return result
        result = answer(handler)
        if token:
            done[token] = (now, content, result)
        return result

    DynamoDBBackend.transact_write_items = transact_write_items  # type: ignore[method-assign,assignment]
    DynamoHandler.transact_write_items = answer_once  # type: ignore[method-assign,assignment]


CLIENT_TOKENS_KEPT = timedelta(minutes=10)  # TransactWriteItems in the DynamoDB API reference


class _TokenReusedError(DynamodbException):
    def __init__(self) -> None:
        message = "The client request token was used for another request"
        super().__init__(f"{ERROR_TYPE_PREFIX}IdempotentParameterMismatchException", message)


@contextmanager
def _rolled_back_on_failure(backend: DynamoDBBackend, transact_items: Iterable[Mapping[str, Any]]) -> Iterator[None]:
    """Keep the items that a transaction names, and put them back if it fails. Meanwhile moto's copies are no copies."""
    kept = list(_named_items(backend, transact_items))
    tables = {id(table): table for table, _, _ in kept}.values()
    lengths = [(table.stream_shard, len(table.stream_shard.items)) for table in tables if table.stream_shard]
    before = [(table, hash_key, range_key, _item(table, hash_key, range_key)) for table, hash_key, range_key in kept]
    for table in tables:
        table.__deepcopy__ = lambda _, table=table: table  # type: ignore[attr-defined]
    try:
        yield
    except Exception:
        for table, hash_key, range_key, item in before:
            _put_back(table, hash_key, range_key, item)
        for shard, length in lengths:
            del shard.items[length:]
        raise
    finally:
        for table in tables:
            del table.__deepcopy__  # type: ignore[attr-defined]


def _named_items(
    backend: DynamoDBBackend, transact_items: Iterable[Mapping[str, Any]]
) -> Iterator[tuple[Table, DynamoType, DynamoType | None]]:
    """The tables and keys; what is malformed is left to moto to refuse."""
    for operation in (operation for item in transact_items for operation in item.values()):
        table, key = backend.tables.get(operation.get("TableName")), operation.get("Key") or operation.get("Item") or {}
        if table is None or table.hash_key_attr not in key or (table.has_range_key and table.range_key_attr not in key):
            continue
        range_key = DynamoType(key[table.range_key_attr]) if table.has_range_key else None
        yield table, DynamoType(key[table.hash_key_attr]), range_key


def _item(table: Table, hash_key: DynamoType, range_key: DynamoType | None) -> Any:
    found: Any = table.items.get(hash_key)
    return copy.deepcopy(found.get(range_key) if found is not None and range_key is not None else found)


def _put_back(table: Table, hash_key: DynamoType, range_key: DynamoType | None, item: Any) -> None:
    items: dict[Any, Any] = table.items if range_key is None else table.items[hash_key]
    if item is None:
        items.pop(hash_key if range_key is None else range_key, None)
    else:
        items[hash_key if range_key is None else range_key] = item


def _mend_template_parsing() -> None:
    # moto reads every template as YAML, in pure Python, several times a stack; the sandbox hands it JSON. With a
    # member stack for each account this is the larger half of the time that a deployment takes.
    parse = cloudformation_models.Stack.parse_template

    def parse_template(template: str) -> dict[str, Any]:
        try:
            parsed: dict[str, Any] = json.loads(template)
        except ValueError:
            return parse(template)
        return parsed

    cloudformation_models.Stack.parse_template = staticmethod(parse_template)  # type: ignore[method-assign]
