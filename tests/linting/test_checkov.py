"""checkov on every resource in all of its forms. It asks nobody: what it knows, it brings along."""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

from tests.linting.conftest import Forms
from tests.linting.findings import Finding, unexplained
from tests.linting.reviewed import CHECKOV


def scan(linters: Path, folder: Path) -> dict[str, Any]:
    """checkov's report about the templates in a folder."""
    command = [str(linters / "checkov"), "--directory", str(folder), "--framework", "cloudformation"]
    command += ["--skip-download", "--soft-fail", "--output", "json"]
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("BC_", "CKV_", "PRISMA_"))}
    ran = subprocess.run(command, capture_output=True, text=True, check=False, cwd=folder, env=environment)
    assert ran.returncode == 0, ran.stderr
    results: dict[str, Any] = json.loads(ran.stdout)["results"]
    assert results["parsing_errors"] == []
    return results


def test_the_templates_have_no_finding_without_a_reason_and_no_reason_without_a_finding(
    all_forms: Forms, linters: Path, tmp_path: Path
) -> None:
    for name, form in all_forms.items():
        (tmp_path / f"{name}.json").write_text(json.dumps(form, indent=1))

    results = scan(linters, tmp_path)

    failed = {Finding(check["check_id"], check["resource"], check["check_name"]) for check in results["failed_checks"]}
    assert unexplained(failed, CHECKOV) == []
    checked = {check["resource"] for kind in ("failed_checks", "passed_checks") for check in results[kind]}
    for kind in ("AWS::DynamoDB::Table", "AWS::IAM::Role", "AWS::Lambda::Function", "AWS::SQS::Queue"):
        every = {
            f"{kind}.{name}"
            for form in all_forms.values()
            for name, resource in form["Resources"].items()
            if resource["Type"] == kind
        }
        assert every <= checked


def test_functions_are_invoked_by_mappings_alone(all_forms: Forms) -> None:
    """As the reasons say that are given for them."""
    found: dict[str, set[str]] = {}
    for form in all_forms.values():
        for name, resource in form["Resources"].items():
            mapped = resource["Properties"].get("FunctionName") if "Mapping" in resource["Type"] else name
            found.setdefault(resource["Type"], set()).add(mapped)

    assert found["AWS::Lambda::EventSourceMapping"] == found["AWS::Lambda::Function"]
    assert "AWS::Lambda::Permission" not in found
