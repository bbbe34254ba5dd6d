"""Member stacks and their forwarding rules: which of them there are where, and so who is to be heard."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum


class Where(Enum):
    """Which member stacks have a rule, as the conditions of ``templates/member.yaml`` say it."""

    EVERYWHERE = "every account and Region"
    GUARDDUTY_ADMINISTRATOR = "the account that administers GuardDuty, every Region"
    HUB = "the hub's account, home Region"


RULES: Mapping[str, Where] = {
    "ForwardRootActivityRule": Where.EVERYWHERE,
    "ForwardConfigComplianceRule": Where.EVERYWHERE,
    "ForwardDeletedItemsRule": Where.EVERYWHERE,
    "ForwardDeletionCallsRule": Where.EVERYWHERE,
    "ForwardGuardDutyFindingsRule": Where.GUARDDUTY_ADMINISTRATOR,
    "ForwardSecurityHubFindingsRule": Where.HUB,
}
"""The forwarding rules of the member template, by logical id. A test compares it with the template."""


@dataclass(frozen=True, slots=True, order=True)
class Member:
    """A member stack."""

    account: str
    region: str


@dataclass(frozen=True, slots=True, order=True)
class Sender:
    """A forwarding rule of a member stack, which forwards heartbeats of its own."""

    member: Member
    rule: str


@dataclass(frozen=True, slots=True)
class Layout:
    """What decides which rules a member stack has."""

    hub: Member
    """The hub's own member stack."""
    guardduty_administrator: str
    """An account."""

    def has(self, member: Member, rule: str) -> bool:
        """Whether the member stack has the rule."""
        match RULES[rule]:
            case Where.EVERYWHERE:
                return True
            case Where.GUARDDUTY_ADMINISTRATOR:
                return member.account == self.guardduty_administrator
            case Where.HUB:
                return member == self.hub

    def members(self, accounts: Iterable[str], regions: Iterable[str]) -> set[Member]:
        """The member stacks in all of these accounts and Regions, and those that no list may leave out.

        Through these the whole organization's findings come: the hub's own in its home Region, and the GuardDuty
        administrator's there and in each of the Regions.
        """
        regions = set(regions)
        listed = {Member(account, region) for account in accounts for region in regions}
        guardduty = {Member(self.guardduty_administrator, region) for region in regions | {self.hub.region}}
        return listed | guardduty | {self.hub}

    def senders(self, members: Iterable[Member]) -> Iterator[Sender]:
        """The rules of these member stacks."""
        return (Sender(member, rule) for member in members for rule in RULES if self.has(member, rule))
