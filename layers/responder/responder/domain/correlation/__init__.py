"""Correlation: findings that mean little alone and much together, by rules that are data.

What a rule means
-----------------
A *version* is a finding as one event showed it. Versions of the same finding (its key, whatever account or Region told
of it) supersede one another in the order of (``UpdatedAt``, the event's time). Of two that agree in both, the one that
no longer counts is the later; of two that agree in this too, the one whose text has the later digest.

A version makes *observations*: for every leg that it matches, every resource of its own that can be told for certain,
and every distinct value of the leg's field, of many the least, as many as the leg counts (one observation where the leg
has no field). It makes none if it is archived, resolved, suppressed, PASSED, a sample, or a correlated finding itself.
An observation's *event time* is the version's ``LastObservedAt``, else its ``UpdatedAt``. Of either, one that is more
than 90 days ahead of the version's event is taken to be that of the event.

What a version no longer says is no longer so. An observation *stands* from its own version until the first later
version of the same finding that does not make one of the same leg, resource and value. What a finding says anew after
that counts anew, from then on.

The *moment* of a version is when it could be known: its event's time, or its ``UpdatedAt`` where that is later. A rule
*fires* for a resource if there was a moment at which, with every version of up to then known and none from after it,
every leg had as many distinct values as it counts (else one observation) among the observations that stood, all with
event times within one window, both ends included. A leg with a relation also takes the observations on the related
resources. One observation may serve several legs.

So what fires is a matter of the history alone: not of the order, repetition or delay in which it arrives. And what has
fired stays fired, since the moment at which it did does not go away.

Who correlates findings as they come, without the whole history, keeps to this as follows. Where nothing is withdrawn,
the same pairs fire on the same last evidence, in whatever order and however late findings come. What is withdrawn is so
from when that is known: what has fired on what was known then stays fired. The number of generations is that of the
definition if findings come in the order of their moments; one that bridges two generations and comes late makes no one
of them.

The *evidence* of a moment is that of the latest window that satisfies the rule: of every leg the newest observations,
one for each value, as many as the leg counts; among equally new ones those of the lesser value, then key of the finding
(:func:`~responder.domain.correlation.evaluation.satisfying` has it exactly). The first *generation* begins when the
rule first holds; another one begins when it holds with its newest evidence more than a window after the newest that the
generation before ever had. The evidence of a generation is that of its beginning, until some that is as new or newer is
observed: what is withdrawn later stays in it. Security Hub is told of other findings, values and resources in it at
once, and of the same ones observed again an hour later or more.

Modules: :mod:`.rule` is what a rule says, :mod:`.observation` what a finding says to it, and :mod:`.versions` how long
that stands; :mod:`~responder.domain.resource.relations` has which resources stand for one another. :mod:`.evaluation`
applies rules to a whole history, plainly. :mod:`.collector` and :mod:`.correlator` do the same as findings come, by way
of a table, and :mod:`.correlated` is the finding that comes of it.
"""

from responder.domain.correlation.evaluation import Firing, Standing, evaluate, standings
from responder.domain.correlation.observation import Observation, observe, why_not_counted
from responder.domain.correlation.rule import RETENTION, Distinct, Leg, Rule, read_rule, read_rules
from responder.domain.resource.relations import NO_RELATIONS, RELATIONS, KnownRelations, Relations

__all__ = [
    "NO_RELATIONS",
    "RELATIONS",
    "RETENTION",
    "Distinct",
    "Firing",
    "KnownRelations",
    "Leg",
    "Observation",
    "Relations",
    "Rule",
    "Standing",
    "evaluate",
    "observe",
    "read_rule",
    "read_rules",
    "standings",
    "why_not_counted",
]
