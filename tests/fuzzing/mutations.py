"""Ways to mutilate an event: each value by what the sample has in its place, then the text, then what carries it."""

import json
import re
from collections.abc import Callable, Iterator
from typing import Any

from hypothesis import strategies as st

Path = tuple[str | int, ...]
Change = Callable[[Any], Any]

SECRET = "wJalrXUtnFEMI-K7MDENG-bPxRfiCYEXAMPLEKEY"
"""In the place of every password, secret key and session token that an event may carry."""

CONTACT = "fuzz-contact@example.org"
PHONE = "+44-20-7946-0958"
UNSPOKEN = (SECRET[:16], CONTACT, PHONE)
"""What no log line may tell, of a secret not even its beginning."""

FORGED = '"}\n{"level":"INFO","outcome":"handled","event_id":"forged","message":"event handled"}\n{"x":"'
CREDENTIALS = {"accessKeyId": "ASIAEXAMPLEEXAMPLE00", "secretAccessKey": SECRET, "sessionToken": SECRET * 4}

_RAW = "\ue000raw:"  # begins what is to stand in the JSON text without quotes
_RAW_TEXT = re.compile(r'"\\ue000raw:([^"]*)"')


def _nested(levels: int, *, objects: bool) -> Any:
    value: Any = SECRET
    for _ in range(levels):
        value = {"a": value} if objects else [value]
    return value


def raw(token: str) -> str:
    """Stands for a token that ``text_of`` writes as it is, such as ``1e400``."""
    return _RAW + token


TEXTS: tuple[Any, ...] = (
    *(
        "",
        " ",
        "\x00",
        "a\x00b",
        "\t",
        "\\",
        '"',
        "null",
        "0",
        "[]",
        "{}",
        "%s%n%(asctime)s",
        "${jndi:ldap://x}",
        "../..",
    ),
    *("\ud800", "x\udfff\ud800y", "\U0001f600" * 200, "e\u0301" * 300, "\u202egnp.exe", "\ufeff", "\uffff", "İıſ"),
    *("a\nb", "a\r\nb", "a\u2028b", "a\u2029b", "a\x85b", "a\x0b\x0c\x1cb", "\x1b[2J\x1b[31mred", FORGED, "x" + FORGED),
    *(
        "x" * 257,
        "x" * 1025,
        "é" * 5000,
        "x" * 200_000,
        "/" * 600,
        "a/b:c/d*e?f[g]",
        "'; DROP--",
        "<b>",
        "١٢٣",
        "~",
        "#",
        "|",
    ),
    *(
        "[" * 100_000,
        '{"a":' * 5000,
        '[{"Id": NaN}]',
        '{"Id": 1e400}',
        "2026-03-01T02:13:05Z",
        "arn:aws:s3:::b",
        "444455556666",
    ),
)
NUMBERS: tuple[Any, ...] = (
    *(0, -1, -0.0, 0.1, 8.999999999999999, 10.000001, 11, 2**31, 2**63, -(2**64), 10**300, True, "8", None, [], {}),
    *map(raw, ("NaN", "Infinity", "-Infinity", "1e400", "-1e400", "1e-400", "1E5", "1" * 5000, "1" * 400)),
)
TIMES: tuple[Any, ...] = (
    *("0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "1969-12-31T23:59:59Z", "2099-12-31T23:59:59Z"),
    *(
        "2006-01-01T00:00:00Z",
        "2100-01-01T00:00:00Z",
        "2026-02-30T00:00:00Z",
        "2026-03-01",
        "20260301T021305Z",
        "2026-W09-7",
    ),
    *("2026-03-01T02:13:05", "2026-03-01T02:13:05+23:59", "2026-03-01T02:13:05.123456789Z", "2026-03-01T02:13:05Z\n"),
    *(
        "2026-03-16T12:00:01Z",
        "2026-03-16T11:59:59.999999Z",
        "2026-03-01T24:00:00Z",
        "2026-03-01T02:13:60Z",
        "now",
        "P1D",
    ),
    *(1772331185, 1772331185000, -1, "1772331185", "２０２６-03-01T02:13:05Z", "2026-03-01T02:13:05Z" * 5000),
)
ACCOUNTS: tuple[Any, ...] = (
    *(
        "111122223333",
        "777788889999",
        "000000000000",
        "99999999999",
        "1234567890123",
        "444455556666\n",
        " 444455556666",
    ),
    *(
        "aws",
        "AWS",
        "*",
        "４４４４５５５５６６６６",
        "444455556666/root",
        "4444:5555",
        444455556666,
        "x" * 64,
        "x" * 65,
    ),
)
ARNS: tuple[Any, ...] = (
    *(
        "arn:",
        "arn:::::",
        "arn:aws:s3:::",
        "arn:aws:s3:::b/k",
        "arn:aws:ec2:::instance/",
        "arn:aws:iam::444455556666:root",
    ),
    *(
        "arn:aws-cn:ec2:cn-north-1:444455556666:instance/i-0",
        "arn:x:y:z:1:2:3:4:5:6",
        "ARN:AWS:S3:::B",
        "arn:aws:iam::x:role/",
    ),
    *(
        "arn:aws:ec2:eu-west-1:444455556666:instance/i-0\n",
        "arn:aws:lambda:eu-west-1:444455556666:function:f:1:2:\u2028",
    ),
    *(
        "arn:aws:s3:::" + "b" * 3000,
        "arn:" + ":" * 3000,
        "arn:aws:sns:eu-west-1:444455556666:\ud800",
        "arn:aws:s3:::é\x00",
    ),
    *(
        "arn:aws:ec2:eu-west-1:444455556666:instance/" + "i" * 200_000,
        "arn:aws:ec2:eu-west-1:" + "4" * 300 + ":instance/i-1",
    ),
)
REGIONS: tuple[Any, ...] = (
    *("us-east-1", "cn-north-1", "us-gov-west-1", "global", "eu-west-99", "EU-WEST-1", "eu-west-1\n", "x" * 65),
    *("eu-west-1.evil.example/", "aws-global", "\u2028", "*"),
)
OBJECTS: tuple[Any, ...] = (
    *({}, {"": ""}, {"password": SECRET}, CREDENTIALS, {"\ud800": "\udfff"}, {"a\nb": 1, "\u2028": 2, "\x00": None}),
    *(
        {
            "level": "CRITICAL",
            "outcome": "handled",
            "event_id": "forged",
            "_aws": {},
            "message": FORGED,
            "service": "x",
        },
    ),
    *({f"k{n}": n for n in range(3000)}, {"__proto__": {}, "$ref": "#", "S": "x", "Ref": "x"}, {"x" * 20_000: 1}),
    *(_nested(50, objects=True), _nested(97, objects=True), _nested(1000, objects=True), _nested(1000, objects=False)),
)
LISTS: tuple[Any, ...] = (
    *([], [[]], [None], [{}], ["x"] * 5000, [{}] * 3000, [[[]]] * 100, [1, "1", None, True], [{"password": SECRET}]),
    *([{"Id": "", "Type": ""}], [{"Id": None, "Type": 5}], list("\ud800\u2028\n\x00")),
)
ANYTHING: tuple[Any, ...] = (None, True, False, *TEXTS, *NUMBERS, *OBJECTS, *LISTS)

_SHAPES: tuple[tuple[re.Pattern[str], tuple[Any, ...]], ...] = (
    (re.compile(r"\d{4}-\d\d-\d\dT"), (*TIMES, *TEXTS)),
    (re.compile(r"\d{12}$"), (*ACCOUNTS, *TEXTS)),
    (re.compile(r"arn:"), (*ARNS, *TEXTS)),
    (re.compile(r"[a-z]{2}(-gov)?-[a-z]+-\d$"), (*REGIONS, *TEXTS)),
)


def fitting(value: Any) -> tuple[Any, ...]:
    """What may be put in the place of a value: odd ones of its own shape."""
    match value:
        case bool() | int() | float():
            return NUMBERS
        case str():
            return next((values for shape, values in _SHAPES if shape.match(value)), TEXTS)
        case dict():
            return (None, "x", 5, *LISTS, *OBJECTS)
        case list():
            return (None, "x", 5, {}, *OBJECTS, *LISTS)
    return ANYTHING


CHANGES_OF_LISTS: tuple[Change, ...] = (
    lambda found: [],
    lambda found: [*found, *found],
    lambda found: found * 200,
    lambda found: found[::-1],
    lambda found: [found],
    lambda found: [None, *found],
    lambda found: [*found, "x", 5, [], {}],
    lambda found: dict(enumerate(found)) and {str(n): member for n, member in enumerate(found)},
    lambda found: found[0] if found else None,
)
CHANGES_OF_TEXTS: tuple[Change, ...] = (
    lambda found: found + FORGED,
    lambda found: found + "\u2028\x1b[31m\x00",
    lambda found: found + "\ud800",
    lambda found: found.upper(),
    lambda found: found[: len(found) // 2],
    lambda found: found * 300,
    lambda found: [found],
    lambda found: {"value": found, "password": SECRET},
    lambda found: " " + found + " ",
    lambda found: found.replace(":", "/"),
    lambda found: found.encode("utf-16-le", "surrogatepass").decode("latin-1"),
)


def _paths(value: Any, path: Path = ()) -> Iterator[Path]:
    if path:
        yield path
    members: Any = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, member in members:
        yield from _paths(member, (*path, key))


MISSING = object()


def at(value: Any, path: Path) -> Any:
    """What is at a path; ``MISSING`` if an earlier change took it away."""
    for step in path:
        try:
            value = MISSING if isinstance(value, str) else value[step]
        except (KeyError, IndexError, TypeError):
            return MISSING
    return value


def paths_of(event: Any) -> list[Path]:
    """Where a sample can be changed. What lies nearer to the top is named more often: more rests on it."""
    return [path for path in _paths(event) for _ in range(max(1, 5 - len(path)))]


def _copy(value: Any) -> Any:
    return json.loads(json.dumps(value))


def _movable(value: Any) -> Any:
    """A copy for another place. What must not be told would in the place of an id rightly be taken for the id."""
    return None if any(secret in json.dumps(value) for secret in UNSPOKEN) else _copy(value)


@st.composite
def mutated(draw: st.DrawFn, sample: Any) -> Any:
    """The sample with one to three of its members changed, left out or exchanged."""
    event, paths = _copy(sample), paths_of(sample)
    for _ in range(draw(st.sampled_from((1, 1, 1, 2, 3)))):
        path = paths[draw(st.integers(0, len(paths) - 1))]
        parent, last = at(event, path[:-1]), path[-1]
        found = at(parent, path[-1:])
        if found is MISSING:
            continue
        match draw(st.sampled_from("fffffoccdakt")):
            case "f":
                parent[last] = _copy(draw(st.sampled_from(fitting(found))))
            case "o":
                parent[last] = _copy(draw(st.sampled_from(ANYTHING)))
            case "c" if isinstance(found, list):
                parent[last] = _copy(draw(st.sampled_from(CHANGES_OF_LISTS))(found))
            case "c" if isinstance(found, str):
                parent[last] = draw(st.sampled_from(CHANGES_OF_TEXTS))(found)
            case "a":  # another member's value, of whatever shape
                parent[last] = _movable(at(sample, paths[draw(st.integers(0, len(paths) - 1))]))
            case "k" if isinstance(parent, dict):  # a member of another name with its value
                parent[draw(st.sampled_from([*parent, "", "a\nb", "\ud800", "x" * 3000]))] = _movable(found)
            case "t":
                parent[last] = draw(st.text(max_size=40))
            case _:
                del parent[last]
    return event


def text_of(event: Any) -> str:
    """The event as JSON, with raw tokens as they are."""
    return _RAW_TEXT.sub(r"\1", json.dumps(event))


def loaded(text: str) -> Any:
    """The text as Lambda's runtime reads it; what it cannot read is a text."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


BODIES: tuple[str, ...] = (
    *(
        "",
        " ",
        "null",
        "true",
        "5",
        "NaN",
        '"text"',
        "[]",
        "{}",
        "[{}]",
        "{",
        "}",
        "{nonsense",
        "\ufeff{}",
        "<xml/>",
        "a=b&c=d",
    ),
    *("[" * 1000 + "]" * 1000, '{"a":' * 1000 + "1" + "}" * 1000, "[" * 100_000, '{"id":"deep","a":' * 50_000),
    *(
        '{"id":"\\ud800"}',
        '{"id":"a\\nb\\u2028"}',
        '{"id":5}',
        '{"id":{}}',
        '{"id":"' + "x" * 200_000 + '"}',
        '{"id": NaN}',
    ),
    *(
        '{"id":"' + "1" * 256 + '"',
        '{"Type":"Notification","Message":"{}"}',
        "\\ud800",
        "1" * 5000,
        '{"id": ' + "1" * 5000 + "}",
    ),
    *(
        "a\u2028b\x85c",
        FORGED,
        '{"id":"\x1b[31m"}',
        '{"password":"' + SECRET + '"',
        SECRET,
        f"password={SECRET}&user={CONTACT}",
    ),
)
"""Bodies that are no event, whatever the function."""

CHANGES_OF_BODIES: tuple[Change, ...] = (
    lambda text: "\ufeff" + text,
    lambda text: text + "x",
    lambda text: text + text,
    lambda text: text[:-1],
    lambda text: text[: len(text) // 2],
    lambda text: "[" + text + "]",
    lambda text: json.dumps(text),
    lambda text: json.dumps({"Type": "Notification", "Message": text}),
    lambda text: '{"id":"first","detail":{},"account":5,' + text[1:],
    lambda text: text[:-1] + ',"id":"last","outcome":"handled"}',
    lambda text: text[:-1] + ',"detail":null}',
    lambda text: text[:-1] + ',"extra":1e400}',
    lambda text: text[:-1] + ',"extra":NaN}',
    lambda text: text[:-1] + ',"extra":' + "[" * 500 + "]" * 500 + "}",
    lambda text: text[:-1] + ',"extra":"' + "x" * 900_000 + '"}',
    lambda text: text.replace('"', "'"),
    lambda text: text.replace(":", "=", 3),
    lambda text: text.replace(" ", "\u00a0"),
    lambda text: text.replace('"', '"\\u0000', 2),
    lambda text: "\n\r\t " + text + "\n\n",
    lambda text: text.encode("utf-16-le").decode("latin-1"),
)


def with_secrets(event: dict[str, Any]) -> dict[str, Any]:
    """The event with secrets and contact details in all places that may hold some."""
    event = json.loads(json.dumps(event))
    detail = event.get("detail", {})
    for name in ("requestParameters", "responseElements"):
        if name in detail:
            detail[name] = (detail[name] or {}) | {"masterUserPassword": SECRET, "credentials": CREDENTIALS}
    if "userAgent" in detail:
        detail["userAgent"] += f" password={SECRET} {CONTACT}"
    for name in ("title", "description"):
        if name in detail:
            detail[name] += f" {SECRET} {CONTACT} {PHONE}"
    if isinstance(detail.get("service"), dict):
        detail["service"]["sample-of"] = CREDENTIALS
    if "newEvaluationResult" in detail:
        detail["newEvaluationResult"]["annotation"] = f"{SECRET} {CONTACT}"
    if "configurationItem" in detail:
        detail["configurationItem"]["configuration"] = {"masterUserPassword": SECRET, "owner": CONTACT}
    findings = detail.get("findings")
    for finding in findings if isinstance(findings, list) else ():
        finding["Title"] = f"{finding.get('Title', '')} {SECRET} {PHONE}"
        finding["Description"] = f"{finding.get('Description', '')} {SECRET} {CONTACT}"
        finding.setdefault("UserDefinedFields", {})["SecurityContactPhone"] = PHONE
        finding.setdefault("ProductFields", {})["password"] = SECRET
        for mention in finding.get("Resources", ()):
            mention.setdefault("Details", {})["Other"] = {"AWS_SECRET_ACCESS_KEY": SECRET, "owner": CONTACT}
    detail.setdefault("extra", CREDENTIALS)
    return event
