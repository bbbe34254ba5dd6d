"""What proves that a resource is gone, and under which names findings may know it.

:mod:`.calls` is the reviewed table of deleting calls; :mod:`.evidence` reads deletions from events by it;
:mod:`.identifiers` says what to ask Security Hub for, and which of its answers are really about the resource.
"""
