"""Which events open incidents, what they say in them, and the one path from event to incident.

:mod:`.reading` turns an event into an :class:`~.occurrence.Occurrence` (or says why it is none); :mod:`.desk` takes
occurrences in, so that each cause has one open incident. The desk reaches AWS through the protocols in :mod:`.ports`.
"""
