"""What holds whatever happens, each thing said on its own so that a failure says which does not."""

import json
import re
from collections import Counter
from collections.abc import Mapping
from copy import deepcopy
from typing import Any

from responder.domain.note import RESOLVER
from tests.chaos.runs import Run

Report = Mapping[str, Any]
Finding = dict[str, Any]

_TIME = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d+)?)?( ?UTC|Z)?")
_AS_OF = re.compile(r", as of \d{4}-\d\d-\d\d")
_FOUND_GONE = re.compile(r"found gone at \S+ \(([^,]*), event [^)]*\)")


def violations(
    run: Run, reference: Run, *, clocks_right: bool = True, redriven: bool = False, more_news: bool = False
) -> list[str]:
    """What does not hold of a run, in words. `reference` is that in which nothing went wrong.

    What clocks say may have changed; events may have died and been redriven; and people may be told of that, too.
    """
    return [
        *ends(run, reference.report, redriven=redriven),
        *one_incident_each(run, reference),
        *same_incidents(run.report, reference.report, clocks_right=clocks_right),
        *same_findings(run.report, reference.report, clocks_right=clocks_right),
        *same_news(run, reference.report, more=more_news),
        *run.people.harm,
    ]


def deeds(run: Run) -> dict[str, int]:
    """How much a run came to, for `World.comes_to`: a reference in which nothing happens would prove nothing."""
    findings, news = run.report["findings"], [notice["subject"] for notice in run.report["notifications"]]
    counts = {
        "incidents": len(run.report["incidents"]),
        "threats": sum(finding["Id"].startswith("correlated/") for finding in findings),
        "enriched": sum(_fields(finding).get("findingEnriched") == "true" for finding in findings),
        "resolved": sum(finding.get("Note", {}).get("UpdatedBy") == RESOLVER for finding in findings),
        "people's": int(run.people.kept > 0),
    } | Counter(subject.partition(":")[0] for subject in news)
    return {name: count for name, count in counts.items() if count}


def ends(run: Run, reference: Report, *, redriven: bool) -> list[str]:
    """Every event ends handled, rejected or in a dead-letter queue, with its reason.

    Rejected are those that nobody can handle, and no others; in a dead-letter queue none is left that was redriven.
    """
    found = []
    expected = {event["id"]: event["status"] for event in reference["events"]} | dict.fromkeys(run.poison, "rejected")
    known = {event["id"] for event in run.report["events"]}
    found += [f"the event {id_} is lost" for id_ in expected if id_ not in known and id_ not in run.poison]
    for event in run.report["events"]:
        if event["status"] not in ("handled", "unmatched") and not event["reason"]:
            found.append(f"the event {event['id']} is {event['status']}, and nothing says why")
        right = {expected.get(event["id"], "handled")} | ({"failed"} if redriven else set())
        if event["status"] not in right:
            found.append(f"the event {event['id']} is {event['status']}, not {right}: {event['reason']}")
    for letter in run.report["dead_letters"]:
        if not any(poison in letter["body"] for poison in run.poison):
            found.append(f"{letter['queue']} has a dead letter: {letter['reason']}")
        elif not letter["reason"]:
            found.append(f"{letter['queue']} has a dead letter without a reason")
    bodies = [letter["body"] for letter in run.report["dead_letters"]]
    found += [f"what nobody can handle is lost: {p}" for p in run.poison if not any(p in body for body in bodies)]
    return found


def one_incident_each(run: Run, reference: Run) -> list[str]:
    """One incident for each generation of a key, of which the newest alone may be open; and no other."""
    found = []
    keys = Counter(incident["key"] for incident in run.report["incidents"])
    for key, generation in run.generations.items():
        if keys.pop(key, 0) != generation:
            found.append(f"{key} is in its generation {generation}, and has had another number of incidents")
    found += [f"an incident of {key}, which the table does not know" for key in keys]
    still_open = Counter(incident["key"] for incident in run.report["incidents"] if incident["status"] == "OPEN")
    found += [f"{number} incidents of {key} are open" for key, number in still_open.items() if number > 1]
    if run.generations != reference.generations:
        found.append(f"generations of keys: {run.generations}, not {reference.generations}")
    return found


def same_incidents(report: Report, reference: Report, *, clocks_right: bool = True) -> list[str]:
    return _differences("incident", _incidents(report, clocks_right), _incidents(reference, clocks_right))


def same_findings(report: Report, reference: Report, *, clocks_right: bool = True) -> list[str]:
    """Each finding's end state is that of a run without faults.

    One that was resolved before its context could be written stays without it: what is resolved is left alone. While
    the organization does not answer, findings get the context that was known last, and say so.
    """
    now, then = _findings(report, clocks_right), _findings(reference, clocks_right)
    for id_ in now.keys() & then.keys():
        _drop_staleness(now[id_])
        is_resolved = now[id_].get("Note", {}).get("UpdatedBy") == RESOLVER
        fields, enriched = _fields(now[id_]), _fields(then[id_])
        if is_resolved and "findingEnriched" not in fields and fields.items() <= enriched.items():
            for finding in (now[id_], then[id_]):
                finding.pop("UserDefinedFields", None)
    return _differences("finding", now, then)


_OF_DELIVERIES = frozenset({"duplicates", "poison", "repeated batches", "skewed", "updates that show late"})
_OF_ORDER = frozenset({"late", "shuffled"})
"""What is injected while every call succeeds, and no container dies."""


def same_news(run: Run, reference: Report, *, more: bool = False) -> list[str]:
    """People are told the same, and of each incident.

    Once, unless calls fail or containers die: between the telling and the record of it, then it is once at least.
    """
    told = "\n".join(notice["message"] for notice in run.report["notifications"])
    found = [f"nobody was told of {i['key']}" for i in run.report["incidents"] if i["arn"] not in told]
    # An event whose call failed waits, and the others do not wait for it: they may open the incident, and name it.
    is_named = run.injected.keys() <= _OF_DELIVERIES
    is_once = run.injected.keys() <= _OF_DELIVERIES | _OF_ORDER
    now, then = (
        Counter(_subject(notice, is_named) for notice in said["notifications"]) for said in (run.report, reference)
    )
    found += [f"people were not told: {subject}" for subject in (then - now if is_once else then.keys() - now)]
    if not more:
        found += [f"people were told: {subject}" for subject in (now - then if is_once else now.keys() - then)]
    return found


def _subject(notice: Mapping[str, Any], is_named: bool) -> str:
    """What a notice is about; of an incident, if its name is left to chance, that it is of one."""
    subject = str(notice["subject"])
    return subject if is_named or not subject.startswith("Incident: ") else "Incident"


def _incidents(report: Report, clocks_right: bool) -> dict[str, Any]:
    """The incidents as people see them, less what no event decides; with wrong clocks, less what time decides too."""
    seen: dict[str, Any] = {}
    times = Counter[str]()
    for incident in report["incidents"]:
        times[incident["key"]] += 1
        items = [json.dumps(item["identifier"], sort_keys=True) for item in incident["related_items"]]
        timeline = sorted(_entry(entry, incident) for entry in incident["timeline"])
        fields = {
            "title": incident["title"],
            "impact": incident["impact"],
            "timeline": timeline if clocks_right else sorted(_TIME.sub("…", data) for _, data in timeline),
            "related_items": sorted(items),
            "status": incident["status"],
        }
        seen[f"{incident['key']} ({times[incident['key']]})"] = fields
    return seen


def _entry(entry: Mapping[str, str], incident: Mapping[str, Any]) -> tuple[str, str]:
    """Of a threat, without when it was found, which faults may delay; its evidence has times of its own."""
    time, data = entry["time"], entry["data"]
    title = data.partition("\n")[0]
    if incident["key"].startswith("correlated/") and incident["title"].startswith(title):
        return "", _TIME.sub("…", data)
    return time, data


def _findings(report: Report, clocks_right: bool) -> dict[str, Finding]:
    """The findings by their Ids; a second one of the same Id is one more."""
    seen: dict[str, Finding] = {}
    times = Counter[str]()
    for finding in report["findings"]:
        times[finding["Id"]] += 1
        number = f" ({times[finding['Id']]})" if times[finding["Id"]] > 1 else ""
        seen[finding["Id"] + number] = _settled(finding, clocks_right)
    return seen


def _settled(finding: Finding, clocks_right: bool) -> Finding:
    """A finding, less when Security Hub took it in and its Note was written, and a sweep found its resource gone."""
    settled = deepcopy(finding)
    settled.pop("ProcessedAt", None)
    if settled["Id"].startswith("correlated/"):
        for when in ("CreatedAt", "UpdatedAt"):  # it was found, and written last: faults may delay both
            settled.pop(when, None)
    if note := settled.get("Note"):
        note.pop("UpdatedAt", None)
        note["Text"] = _FOUND_GONE.sub(r"found gone (\1)", note["Text"])
    if clocks_right:
        return settled
    timeless: Finding = json.loads(_TIME.sub("…", json.dumps(settled)))
    return timeless


def _drop_staleness(finding: Finding) -> None:
    fields = finding.get("UserDefinedFields", {})
    if " stale;" in (mark := fields.get("ContextFingerprint", "")):
        fields["ContextFingerprint"] = mark.replace(" stale;", ";")
        finding["Note"]["Text"] = _AS_OF.sub("", finding["Note"]["Text"])


def _fields(finding: Finding) -> Mapping[str, str]:
    fields: Mapping[str, str] = finding.get("UserDefinedFields", {})
    return fields


def _differences(kind: str, now: Mapping[str, Any], then: Mapping[str, Any]) -> list[str]:
    found = [f"the {kind} {name} is missing" for name in then.keys() - now.keys()]
    found += [f"a {kind} {name}, where none should be" for name in now.keys() - then.keys()]
    for name in sorted(now.keys() & then.keys()):
        for field in sorted(now[name].keys() | then[name].keys()):
            is_, was = now[name].get(field), then[name].get(field)
            if is_ != was:
                found.append(f"the {kind} {name}: {field} is {is_!r}, and was {was!r}")
    return found
