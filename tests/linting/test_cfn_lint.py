"""cfn-lint, of AWS, on the templates as they are written and as CloudFormation gets them, for every partition."""

import json
from pathlib import Path

import pytest
from cfnlint.api import ManualArgs, lint
from cfnlint.decode import decode_str

from sandbox.stacks import Template
from tests.linting.conftest import TEMPLATES, transformed
from tests.linting.findings import Finding, unexplained
from tests.linting.reviewed import CFN_LINT

REGIONS = ["eu-west-1", "us-east-1", "ap-southeast-2", "us-gov-west-1", "cn-north-1"]


def findings(text: str) -> set[Finding]:
    """What cfn-lint says of a template, its information too."""
    resources = decode_str(text)[0]["Resources"]
    found = set()
    for match in lint(text, config=ManualArgs(regions=REGIONS, include_checks=["I"])):
        path = [str(part) for part in getattr(match, "path", [])]
        if path[:1] == ["Resources"] and len(path) > 1:
            path = [resources[path[1]]["Type"], *path[1:]]
        found.add(Finding(match.rule.id, ".".join(path), match.message))
    return found


def test_the_templates_have_no_finding_without_a_reason_and_no_reason_without_a_finding() -> None:
    texts = [path.read_text() for path in TEMPLATES.values()] + [json.dumps(transformed(name)) for name in TEMPLATES]

    assert unexplained(set().union(*map(findings, texts)), CFN_LINT) == []


@pytest.mark.parametrize("region", ["us-gov-west-1", "cn-north-1"])
def test_the_transform_is_the_same_in_every_partition(
    region: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SAM writes some things as the Region wants it in which it runs."""
    monkeypatch.setenv("AWS_DEFAULT_REGION", region)
    for name, path in TEMPLATES.items():
        there = tmp_path / path.name
        there.write_text(f"{path.read_text()}# in {region}\n")  # or what was made of it before would do
        assert Template(there).whole == transformed(name)
