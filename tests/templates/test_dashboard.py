"""The hub's dashboard: what CloudWatch gets, with and without what is not always there."""

import json
import re
from functools import cache
from typing import Any

import pytest

from responder.domain.correlation import collector
from responder.domain.enrichment import enricher
from sandbox.stacks import Template
from tests.conftest import REPOSITORY
from tests.linting.forms import REGION, forms

Document = dict[str, Any]

OPTIONAL = {"SweepDeleted", "WatchHeartbeats"}

EXPRESSION = re.compile(
    r"SEARCH\('\{(?P<namespace>[\w/]+),(?P<dimensions>[\w,]+)\}(?P<terms>( \w+=\"[\w-]+\")+)', 'Sum'\)"
)


@cache
def hub() -> Document:
    return Template(REPOSITORY / "template.yaml").whole


@cache
def bodies() -> tuple[str, ...]:
    """The dashboard's body in each of its forms."""
    found = [form["Resources"].get("Dashboard") for form in forms(hub())]
    return tuple(made["Properties"]["DashboardBody"] for made in found if made)


@pytest.fixture(params=range(4))
def widgets(request: pytest.FixtureRequest) -> list[Document]:
    listed: list[Document] = json.loads(bodies()[request.param])["widgets"]
    return listed


def with_all() -> list[Document]:
    listed: list[Document] = json.loads(max(bodies(), key=len))["widgets"]
    return listed


def metrics(widget: Document) -> list[list[str]]:
    """A widget's metrics, spelled out: namespace, name, dimensions. Of expressions, what they search for."""
    found: list[list[str]] = []
    for listed in widget["properties"]["metrics"]:
        row = [part for part in listed if not isinstance(part, dict)]
        if not row:
            searched = EXPRESSION.fullmatch(listed[0]["expression"])
            assert searched, listed
            terms = dict(re.findall(r'(\w+)="([\w-]+)"', searched["terms"]))
            dimensions = [part for name in searched["dimensions"].split(",") for part in (name, terms.get(name, "*"))]
            found.append([searched["namespace"], terms["MetricName"], *dimensions])
            continue
        if row[0] == "...":
            row = found[-1][: len(found[-1]) - len(row) + 1] + row[1:]
        found.append([found[-1][place] if part == "." else part for place, part in enumerate(row)])
    return found


def shown(listed: list[Document], namespace: str, name: str) -> set[str]:
    """The values of the last dimension for which a metric is shown."""
    rows = [row for widget in listed for row in metrics(widget)]
    return {row[-1] for row in rows if row[:2] == [namespace, name]}


def of_type(kind: str) -> set[str]:
    return {name for name, resource in hub()["Resources"].items() if resource["Type"] == kind}


def documented() -> set[tuple[str, str]]:
    """The services and metrics of the README's table."""
    chapter = (REPOSITORY / "README.md").read_text("utf-8").split("- **Metrics** in namespace")[1].split("\n\n")[1]
    rows = [line.split("|")[1:3] for line in chapter.splitlines()[2:]]
    services = [service.strip(" `") for service, _ in rows]
    return {
        (service, name)
        for (_, names), of in zip(rows, services, strict=True)
        for name in re.findall(r"`(\w+)`", names)
        for service in (services if of == "all" else [of])
    }


def counted() -> set[str]:
    """The texts of the code that may be a metric's name, and the names that are made of results."""
    code = [path for folder in ("functions", "layers/responder") for path in (REPOSITORY / folder).rglob("*.py")]
    names = {name for path in code for name in re.findall(r'"([A-Z]\w+)"', path.read_text("utf-8"))}
    results = [*enricher.Result, *collector.Result]
    return names | {f"Findings{result.title().replace('_', '')}" for result in results}


def test_there_is_a_form_with_and_without_sweeps_and_watches() -> None:
    present = [frozenset(name for name in OPTIONAL if f"{name}Function" in body) for body in bodies()]

    assert len(present) == len(set(present)) == 4


def test_every_widget_has_what_cloudwatch_needs(widgets: list[Document]) -> None:
    for widget in widgets:
        assert widget.keys() == {"type", "x", "y", "width", "height", "properties"}
        assert widget["type"] == "metric"
        assert all(isinstance(widget[name], int) for name in ("x", "y", "width", "height"))
        properties = widget["properties"]
        assert properties["region"] == REGION
        assert properties["title"]
        assert properties["view"] in ("singleValue", "timeSeries")
        assert properties["stat"] in ("Sum", "Maximum", "p99")
        assert properties["period"] % 60 == 0
        assert metrics(widget)
        for listed in properties["metrics"]:
            assert all(isinstance(part, str) for part in listed[:-1])
            assert listed[-1].keys() in ({"label"}, {"id", "expression"})
        for row in metrics(widget):
            assert len(row) >= 4
            assert len(row) % 2 == 0
            assert all(part and "." not in part for part in row)


def test_widgets_lie_in_24_columns_and_not_upon_each_other(widgets: list[Document]) -> None:
    taken: list[tuple[int, int]] = []
    for widget in widgets:
        assert widget["x"] + widget["width"] <= 24
        columns = range(widget["x"], widget["x"] + widget["width"])
        taken += [(x, y) for x in columns for y in range(widget["y"], widget["y"] + widget["height"])]

    assert len(taken) == len(set(taken))


def test_every_queue_is_shown_by_its_age_and_every_dead_letter_queue_by_its_depth() -> None:
    queues = of_type("AWS::SQS::Queue")
    dead_letters = {name for name in queues if "RedrivePolicy" not in hub()["Resources"][name]["Properties"]}

    assert shown(with_all(), "AWS/SQS", "ApproximateNumberOfMessagesVisible") == dead_letters
    assert shown(with_all(), "AWS/SQS", "ApproximateAgeOfOldestMessage") == queues - dead_letters


@pytest.mark.parametrize("name", ["Errors", "Throttles", "Duration"])
def test_every_function_is_shown(name: str) -> None:
    assert shown(with_all(), "AWS/Lambda", name) == of_type("AWS::Lambda::Function")


def test_what_is_not_there_is_not_shown(widgets: list[Document]) -> None:
    functions = shown(widgets, "AWS/Lambda", "Errors")
    absent = {name for name in OPTIONAL if f"{name}Function" not in functions}

    assert not [name for name in absent if name in json.dumps(widgets)]
    assert bool(shown(widgets, "SecurityResponder", "SilentMembers")) == ("WatchHeartbeats" not in absent)


def test_every_stream_is_shown_by_its_age() -> None:
    mappings = [
        resource["Properties"]
        for resource in hub()["Resources"].values()
        if resource["Type"] == "AWS::Lambda::EventSourceMapping" and "StreamArn" in str(resource["Properties"])
    ]

    assert shown(with_all(), "AWS/Lambda", "IteratorAge") == {made["FunctionName"]["Ref"] for made in mappings}
    assert mappings


@pytest.mark.parametrize("name", ["FailedInvocations", "ThrottledRules", "InvocationsSentToDlq"])
def test_every_rule_of_the_bus_is_shown(name: str, widgets: list[Document]) -> None:
    rows = [row for widget in widgets for row in metrics(widget) if row[1] == name]

    assert rows == [["AWS/Events", name, "EventBusName", "SecurityBus", "RuleName", "*"]]
    for rule in of_type("AWS::Events::Rule"):
        assert hub()["Resources"][rule]["Properties"]["EventBusName"] == {"Ref": "SecurityBus"}


def test_every_metric_of_ours_is_counted_by_the_service_for_which_it_is_shown() -> None:
    rows = [row for widget in with_all() for row in metrics(widget) if row[0] == "SecurityResponder"]

    assert {row[2] for row in rows} == {"service"}
    assert {row[1] for row in rows} <= counted()
    for _, name, _, service in rows:
        assert service == "*" or (service, name) in documented()


def test_the_funnel_leads_from_received_to_opened(widgets: list[Document]) -> None:
    stages = [row[1] for row in metrics(widgets[0])]

    assert stages[0] == "EventsReceived"
    assert stages[-3:] == ["IncidentsOpened", "IncidentsUpdated", "IncidentsNotOpened"]
    assert {"FindingsEnriched", "FindingsResolved", "SignalsCollected", "ThreatsFound"} < set(stages)
    for name in ("EventsReceived", "EventsRejected", "EventsFailed"):
        assert "*" in shown(widgets, "SecurityResponder", name)
