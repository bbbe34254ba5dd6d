"""`responder costs`: what a month costs, by the templates' own settings."""

import json
import re
from pathlib import Path

import pytest

from sandbox.cli import main
from sandbox.costs import HUB_TEMPLATE, MEMBER_TEMPLATE, PRICES, Costs, CostsError, calculate
from tests.conftest import REPOSITORY

Output = pytest.CaptureFixture[str]

DOCUMENT = (REPOSITORY / "docs" / "costs.md").read_text()
SHOWN = DOCUMENT.split("```text\n")[1].split("```")[0]


def changed(template: Path, pattern: str, replacement: str, folder: Path) -> Path:
    """A copy of the template with one change."""
    text, changes = re.subn(pattern, replacement, template.read_text(), count=1, flags=re.DOTALL)
    assert changes == 1
    copy = folder / template.name
    copy.write_text(text)
    return copy


def usd(costs: Costs, service: str, item: str) -> float:
    (found,) = (line.usd for line in costs.lines if line.service == service and line.item == item)
    return found


def binds_at(costs: Costs, name: str) -> float:
    (found,) = (quota.events_a_second for quota in costs.quotas if quota.name == name)
    return found


@pytest.fixture(scope="module")
def costs() -> Costs:
    return calculate(100_000_000, 10, 2)


# Settings are the templates'


def test_smaller_batches_cost_more_and_let_quotas_bind_sooner(costs: Costs, tmp_path: Path) -> None:
    pattern = r"(Queue: !GetAtt EnrichFindingsQueue\.Arn.*?BatchSize:) \d+"
    small = calculate(100_000_000, 10, 2, hub=changed(HUB_TEMPLATE, pattern, r"\1 10", tmp_path))

    for item in ("invocations", "GB-seconds"):
        name = f"EnrichFindingsFunction: {item}"
        assert usd(small, "Lambda", name) > usd(costs, "Lambda", name)
    assert binds_at(small, "GetFindings, read again") == 3 * 10
    assert binds_at(small, "GetFindings, read again") < binds_at(costs, "GetFindings, read again")
    assert binds_at(small, "BatchUpdateFindings, context") == 10 * 10 / 10


@pytest.mark.parametrize(
    ("pattern", "replacement", "service", "item"),
    [
        (r"(    MemorySize:) 512", r"\1 1536", "Lambda", "OpenIncidentFunction: GB-seconds"),
        (r"(Default: arm64)", "Default: x86_64", "Lambda", "EnrichFindingsFunction: GB-seconds"),
        (r'(ArchiveRetentionDays:.*?Default:) "90"', r'\1 "365"', "EventBridge", "archive kept"),
        (r"(LogRetentionDays:\n.*?Default:) 365", r"\1 731", "CloudWatch", "logs of events, kept"),
    ],
    ids=["memory", "architecture", "archive", "logs"],
)
def test_settings_are_read_from_the_template(
    costs: Costs, tmp_path: Path, pattern: str, replacement: str, service: str, item: str
) -> None:
    other = calculate(100_000_000, 10, 2, hub=changed(HUB_TEMPLATE, pattern, replacement, tmp_path))
    assert usd(other, service, item) > usd(costs, service, item)


def test_a_longer_window_fills_batches(tmp_path: Path) -> None:
    pattern = r"(Queue: !GetAtt EnrichFindingsQueue\.Arn.*?MaximumBatchingWindowInSeconds:) 30"
    longer = calculate(1_000_000, hub=changed(HUB_TEMPLATE, pattern, r"\1 300", tmp_path))
    item = "EnrichFindingsFunction: invocations"

    assert usd(longer, "Lambda", item) == pytest.approx(usd(calculate(1_000_000), "Lambda", item) / 10)


def test_heartbeats_follow_the_member_template(costs: Costs, tmp_path: Path) -> None:
    rarer = changed(MEMBER_TEMPLATE, r"Default: rate\(15 minutes\)", "Default: rate(30 minutes)", tmp_path)
    item = "heartbeats, put and forwarded"
    half = calculate(100_000_000, 10, 2, member=rarer)
    assert usd(half, "EventBridge", item) == pytest.approx(usd(costs, "EventBridge", item) / 2)

    none = changed(MEMBER_TEMPLATE, r"Default: rate\(15 minutes\)", 'Default: ""', tmp_path)
    assert usd(calculate(100_000_000, 10, 2, member=none), "EventBridge", item) == 0


def test_heartbeats_are_forwarded_and_not_archived(costs: Costs) -> None:
    items = {line.item: line.grows_with for line in costs.lines if line.service == "EventBridge"}

    assert "heartbeats, put and forwarded" in items
    assert {driver for item, driver in items.items() if "archive" in item} == {"events"}


def test_alarms_that_only_a_topic_brings_are_not_counted(costs: Costs) -> None:
    written = MEMBER_TEMPLATE.read_text().count("Type: AWS::CloudWatch::Alarm")
    (counted,) = (line.quantity for line in costs.lines if line.item == "alarms of member stacks")

    assert counted == 20 * 6 < 20 * written


def test_a_rule_that_the_tables_do_not_know_is_refused(tmp_path: Path) -> None:
    other = changed(HUB_TEMPLATE, r"\n  OpenFindingRule:", "\n  NewFindingRule:", tmp_path)
    with pytest.raises(CostsError, match="SHARES says nothing of NewFindingRule"):
        calculate(hub=other)


def test_a_file_that_is_no_template_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CostsError, match="no such file"):
        calculate(hub=tmp_path / "absent.yaml")
    (tmp_path / "odd.yaml").write_text("Resources: {}")
    with pytest.raises(CostsError, match="not of the form"):
        calculate(hub=tmp_path / "odd.yaml")


# Sums


def test_totals_add_up(costs: Costs) -> None:
    assert costs.total == pytest.approx(sum(line.quantity * PRICES[line.price].usd for line in costs.lines))
    assert costs.total == pytest.approx(sum(costs.services.values()))
    assert costs.total == pytest.approx(sum(map(costs.growing_with, ("events", "stacks", "nothing"))))
    assert costs.services["Security Hub"] == 0
    assert all(line.usd >= 0 for line in costs.lines)
    assert len({(line.service, line.item) for line in costs.lines}) == len(costs.lines)


def test_what_grows_with_events_and_stacks_does() -> None:
    one, more = calculate(1_000_000, 10, 2), calculate(2_000_000, 20, 2)

    assert usd(more, "KMS", "the bus and its archive") == pytest.approx(2 * usd(one, "KMS", "the bus and its archive"))
    assert usd(more, "CloudWatch", "alarms of member stacks") == 2 * usd(one, "CloudWatch", "alarms of member stacks")
    assert more.growing_with("nothing") == pytest.approx(one.growing_with("nothing"))


def test_quotas_come_in_the_order_in_which_they_bind(costs: Costs) -> None:
    rates = [quota.events_a_second for quota in costs.quotas]
    assert rates == sorted(rates)
    assert costs.quotas[0].name == "Incident Manager: incidents"
    assert all(quota.advice for quota in costs.quotas)


# The command


def test_json_is_what_was_calculated(costs: Costs, capsys: Output) -> None:
    assert main(["costs", "--events", "100000000", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)

    assert told["total"] == pytest.approx(costs.total)
    assert sum(line["usd"] for line in told["lines"]) == pytest.approx(told["total"])
    assert told["settings"]["archive_days"] == costs.settings.archive_days
    assert [quota["name"] for quota in told["quotas"]] == [quota.name for quota in costs.quotas]
    assert all(price["source"] and price["date"] for price in told["prices"].values())


def test_numbers_below_one_are_refused(capsys: Output) -> None:
    with pytest.raises(SystemExit):
        main(["costs", "--events", "0"])
    assert "must be 1 or more" in capsys.readouterr().err


def test_the_document_shows_the_real_output(capsys: Output) -> None:
    assert main(["costs"]) == 0
    shown, told = ([line.split() for line in text.splitlines()] for text in (SHOWN, capsys.readouterr().out))

    assert [line[:1] for line in shown] == [line[:1] for line in told]
    for mine, theirs in zip(shown[3:12], told[3:12], strict=True):
        # An alarm more or less is no reason to write the document again.
        amounts = [[float(word.replace(",", "")) for word in line[-4:]] for line in (mine, theirs)]
        assert amounts[0] == pytest.approx(amounts[1], rel=0.05, abs=0.5), mine[0]
    assert shown[12:] == told[12:]


def test_the_document_says_what_to_do_about_each_quota(costs: Costs) -> None:
    assert [quota.advice for quota in costs.quotas if quota.advice not in DOCUMENT] == []
