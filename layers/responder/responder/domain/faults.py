"""The two kinds of failure that everything above distinguishes: worth another try, and not.

A ``Rejected`` event is the third way out: it can never succeed, whatever AWS does, because of what it says itself.
"""


class Retryable(Exception):  # noqa: N818 - the vocabulary of the design: "worth a retry"
    """What failed may succeed later, unchanged: a throttle, a time-out, a claim that somebody else holds."""


class Permanent(Exception):  # noqa: N818 - see Retryable
    """What failed will fail again: no permission, no such response plan, a quota that is used up."""


class Rejected(ValueError):  # noqa: N818 - see Retryable
    """An event that can never be handled.

    Parameters
    ----------
    field
        Path of the member that is at fault, such as ``detail.severity``; empty for the event as a whole.
    reason
        What is wrong with it, for a person.
    """

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(f"{field}: {reason}" if field else reason)
        self.field = field
        self.reason = reason
