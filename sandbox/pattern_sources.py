"""Where `responder match` gets its pattern from: JSON text, a JSON file, or a rule of a template as deployed."""

from __future__ import annotations

import difflib
import json
import re
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from responder.patterns import InvalidPattern, compile_pattern

from .envelopes import Place

Pattern = dict[str, Any]

RULE = "AWS::Events::Rule"

_SUB = re.compile(r"\$\{([^!}][^}]*)\}")


class PatternError(Exception):
    """There is no such pattern, or it is invalid; the message says where."""


def read_pattern(source: str, *, hub: Place, parameters: Mapping[str, str] | None = None) -> Pattern:
    """The pattern that a text names: itself if it begins with `{`, else `TEMPLATE#LogicalId` or a file.

    `parameters` are values for a template's parameters; the others have their defaults.

    Raises
    ------
    PatternError
        Also for a pattern that EventBridge would refuse, with the path of the fault.
    """
    if source.lstrip().startswith("{"):
        pattern = _parsed("the pattern", source)
    elif "#" in source and not Path(source).exists():
        path, _, logical_id = source.rpartition("#")
        pattern = _of_rule(Path(path), logical_id, hub=hub, parameters=parameters or {})
    else:
        pattern = _parsed(source, _text(source))
    try:
        compile_pattern(pattern)
    except InvalidPattern as fault:
        raise PatternError(f"EventBridge refuses the pattern: {fault}") from None
    return pattern


def _text(source: str) -> str:
    try:
        return Path(source).read_text("utf-8-sig")
    except UnicodeDecodeError:
        raise PatternError(f"{source}: not UTF-8 text") from None
    except (OSError, ValueError) as error:  # ValueError: a NUL character
        reason = getattr(error, "strerror", None) or str(error)
        hint = "a pattern is JSON text, a JSON file, or TEMPLATE#LogicalId for a rule of a template"
        raise PatternError(f"{source}: {reason.lower()} ({hint})") from None


def _parsed(name: str, text: str) -> Pattern:
    try:
        pattern = json.loads(text)
    except RecursionError:
        raise PatternError(f"{name}: nested too deeply") from None
    except json.JSONDecodeError as error:
        raise PatternError(f"{name}:{error.lineno}: not JSON: {error.msg} (column {error.colno})") from None
    except ValueError as error:
        raise PatternError(f"{name}: not JSON that can be read: {error}") from None
    if not isinstance(pattern, dict):
        raise PatternError(f"{name}: a pattern is a JSON object")
    return pattern


def _of_rule(path: Path, logical_id: str, *, hub: Place, parameters: Mapping[str, str]) -> Pattern:
    """Deploy the rule, with all that it refers to and nothing else, and read its pattern back."""
    # Here, because moto takes two seconds to import, which a pattern in a file need not wait for.
    from .moto_gaps import DeploymentError
    from .stacks import Templates
    from .world import Sandbox, offline

    name = f"{path}#{logical_id}"
    with offline(hub):  # SAM asks for a Region
        template = _template(path)
    rule = _rule(path, logical_id, template["Resources"])
    part = _with_all_it_needs(template, logical_id, rule)
    unused = template.get("Parameters", {}).keys() - part["Parameters"].keys()
    given = _offered(part, hub) | {name: value for name, value in parameters.items() if name not in unused}
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "template.json")
        file.write_text(json.dumps(part), "utf-8")
        try:
            templates = Templates(hub=file, organization=None)
            with Sandbox(hub, templates=templates, parameters={"hub": given}) as sandbox:
                deployed = next((found for found in sandbox.topology.hub.rules() if found.name == logical_id), None)
                if deployed is None:
                    condition = f"its condition {rule.get('Condition')} is false"
                    raise PatternError(f"{name}: not deployed in {hub} with these parameters: {condition}")
                events = sandbox.client("events")
                described = events.describe_rule(Name=deployed.arn.rpartition("/")[2])
        except DeploymentError as refusal:
            raise PatternError(f"{name}: {str(refusal).removeprefix(f'{file}: ')}") from None
        except PatternError:
            raise
        except Exception as error:  # noqa: BLE001 - moto stumbles over a template that AWS would refuse in any way
            raise PatternError(f"{name}: it cannot be deployed: {type(error).__name__}: {error}") from None
    return _parsed(name, described["EventPattern"])


def _template(path: Path) -> dict[str, Any]:
    """The template as CloudFormation gets it."""
    from .moto_gaps import DeploymentError
    from .stacks import Template

    try:
        return Template(path).whole
    except DeploymentError as refusal:
        raise PatternError(str(refusal)) from None
    except (AttributeError, KeyError, TypeError):  # whatever is YAML, but not of a template's form
        raise PatternError(f"{path}: not a CloudFormation or SAM template") from None


def _rule(path: Path, logical_id: str, resources: Mapping[str, Any]) -> dict[str, Any]:
    resource = resources.get(logical_id)
    if resource is None:
        rules = [name for name, found in resources.items() if found.get("Type") == RULE]
        close = difflib.get_close_matches(logical_id, rules, n=1)
        hint = f"did you mean {close[0]}?" if close else f"its rules: {', '.join(rules) or 'none'}"
        raise PatternError(f"{path}: there is no resource {logical_id} ({hint})")
    if resource.get("Type") != RULE:
        raise PatternError(f"{path}#{logical_id}: an {resource.get('Type')}, no {RULE}")
    pattern = resource.get("Properties", {}).get("EventPattern")
    if pattern is None:
        raise PatternError(f"{path}#{logical_id}: a rule without an event pattern")
    # What it is deployed on, and where to, does not change what it matches.
    return {name: value for name, value in resource.items() if name in ("Type", "Condition")} | {
        "Properties": {"EventPattern": pattern}
    }


def _with_all_it_needs(template: Mapping[str, Any], logical_id: str, rule: Mapping[str, Any]) -> dict[str, Any]:
    """The part of the template that the rule refers to: so a rule can be tried whose template has much else."""
    sections = {
        "Parameters": template.get("Parameters", {}),
        "Conditions": template.get("Conditions", {}),
        "Resources": template["Resources"] | {logical_id: rule},
    }
    needed, pending = {logical_id}, [logical_id]
    while pending:
        name = pending.pop()
        for section in sections.values():
            new = set(_references(section.get(name))) - needed
            needed |= new
            pending += new
    part: dict[str, Any] = {"Mappings": template.get("Mappings", {})}
    for title, section in sections.items():
        part[title] = {name: found for name, found in section.items() if name in needed}
    for resource in part["Resources"].values():
        resource.pop("DependsOn", None)
    return part


def _references(value: object) -> Iterator[str]:
    """The names of parameters, conditions and resources in a part of a template."""
    if isinstance(value, list):
        for element in value:
            yield from _references(element)
    elif isinstance(value, dict):
        for key, operand in value.items():
            yield from _referred(key, operand)
            yield from _references(operand)


def _referred(key: str, operand: Any) -> Iterable[str]:
    first = operand[0] if isinstance(operand, list) and operand else operand
    if not isinstance(first, str):
        return ()
    if key == "Fn::Sub":
        return [name.partition(".")[0] for name in _SUB.findall(first)]
    return [first.partition(".")[0]] if key in ("Ref", "Fn::GetAtt", "Fn::If", "Condition") else ()


def _offered(template: Mapping[str, Any], hub: Place) -> dict[str, str]:
    """Values for parameters without a default: the hub's outputs of these names, which a member gets."""
    from .world import Sandbox

    required = [name for name, parameter in template["Parameters"].items() if "Default" not in parameter]
    if not required:
        return {}
    with Sandbox(hub) as sandbox:
        outputs = sandbox.topology.hub.outputs
        return {name: outputs[name] for name in required if name in outputs}
