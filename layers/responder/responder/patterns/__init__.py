"""EventBridge's event pattern language, as a library.

A pattern has the shape of the events it selects, with a list of acceptable values at the place of each value:

>>> root_activity = compile_pattern(
...     {
...         "source": [{"prefix": "aws."}],
...         "detail": {
...             "userIdentity": {"type": ["Root"], "invokedBy": [{"exists": False}]},
...             "eventType": [{"anything-but": "AwsServiceEvent"}],
...         },
...     }
... )
>>> event = {"source": "aws.signin", "detail": {"userIdentity": {"type": "Root"}, "eventType": "AwsConsoleSignIn"}}
>>> root_activity.matches(event)
True
>>> event["detail"]["userIdentity"]["invokedBy"] = "backup.amazonaws.com"
>>> [str(mismatch) for mismatch in root_activity.explain(event)]
['detail.userIdentity.invokedBy: expected no value, found "backup.amazonaws.com"']

The judge of what a pattern means is AWS's own event-ruler, version 2.0.1 (https://github.com/aws/event-ruler), whose
verdicts on 1,350 pairs of pattern and event are among the tests. In short:

- A field matches if one of its values satisfies one entry of its list (``operators`` says what each entry accepts);
  a pattern matches if all of its fields do, for one option of every ``$or`` (``syntax``).
- Only strings, numbers, true, false and null are values. ``exists`` therefore sees an object, ``{}`` and ``[]`` as
  absent, and null as present; ``anything-but`` needs a value, and of an array's values only one that differs
  (``leaves``).
- Several fields inside one array must be satisfied by one element of it (``arrays``).
- 7 is 7.0 but not ``"7"`` (``number``). A string that is an IP address matches as an address (``address``).

Three accidents of event-ruler's encoding are not reproduced: it can take a number's digits for those of a CIDR range,
compare an IPv6 address with an IPv4 range, and lose an ``$or`` option whose lists overlap an earlier option's. Here a
CIDR range holds addresses of its own family, and ``$or`` is always the disjunction of its options.

The package needs nothing but the standard library, and no clock.
"""

from responder.patterns.explain import Mismatch
from responder.patterns.fault import InvalidPattern
from responder.patterns.matching import EventPattern, compile_pattern

__all__ = ["EventPattern", "InvalidPattern", "Mismatch", "compile_pattern"]
