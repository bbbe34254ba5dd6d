"""What was looked at and may stay, for now or for good, each with its reason. An entry that is not needed fails too."""

from sandbox.organization import ORGANIZATION_ID

ONLY_IN_OTHER_FORMS: dict[tuple[str, str], str] = {}
"""Actions on the function's own table that a role always holds, although it needs them with some parameters only. Each
could go under the condition of those."""

TO_BE_NARROWED: dict[tuple[str, str], str] = {}
"""Actions, by the statement's Sid, that are allowed on a resource of the statement on which nothing needs them. A
statement of its own would end it."""

_NO_ID_YET = "The id is only known once it exists."
_NOTHING_TO_NAME = "The action has no resource to name."
_OF_THE_MANAGEMENT_ACCOUNT = "Accounts and OUs are the management account's, which the hub does not know."
_ALL_OF_THE_ORGANIZATION = "A finding may be of any account of the organization."

WILDCARDS = {
    ("AskTheOrganization", "*:account/o-*/*"): _OF_THE_MANAGEMENT_ACCOUNT,
    ("AskTheOrganization", "*:ou/o-*/ou-*"): _OF_THE_MANAGEMENT_ACCOUNT,
    ("AskWhatIsRelated", "config-aggregator/*"): "An aggregator's ARN has an id, and the parameter is its name.",
    ("AskWhatThereIs", "config-aggregator/*"): "Likewise.",
    ("AskWhichAccountsThereAre", "*"): _NOTHING_TO_NAME,
    ("CreateOpsItems", "*"): _NOTHING_TO_NAME,
    ("CreateOpsItemsThroughIncidentManager", "*"): _NOTHING_TO_NAME,
    ("EngageThroughIncidentManager", "*:contact/*"): "The plan names the contacts, of another Region or account too.",
    ("FollowIncidents", "incident-record/*"): _NO_ID_YET,
    ("FollowIncidents", "response-plan/*"): "Incidents that are open go on when another plan is given.",
    ("FollowOpsItems", "opsitem/*"): _NO_ID_YET,
    ("ListAccounts", "*"): _NOTHING_TO_NAME,
    ("ReadAccountsAndOrganizationalUnits", f"account/{ORGANIZATION_ID}/*"): _ALL_OF_THE_ORGANIZATION,
    ("ReadAccountsAndOrganizationalUnits", f"ou/{ORGANIZATION_ID}/ou-*"): _ALL_OF_THE_ORGANIZATION,
    ("ReadSecurityContacts", "*:account/o-*/*"): _OF_THE_MANAGEMENT_ACCOUNT,
    ("ReadSecurityContacts", f"account/{ORGANIZATION_ID}/*"): _ALL_OF_THE_ORGANIZATION,
    ("ReadTagsOfAccounts", "*:account/o-*/*"): _OF_THE_MANAGEMENT_ACCOUNT,
    ("ReadTagsOfAccounts", f"account/{ORGANIZATION_ID}/*"): _ALL_OF_THE_ORGANIZATION,
    ("TagIncidents", "incident-record/*"): _NO_ID_YET,
    ("WriteTraces", "*"): _NOTHING_TO_NAME,
}
"""Resources with wildcards, by Sid and what the ARN says behind the account, and that before it if it is any."""

CONDITIONS = {
    ("account:GetAlternateContact", "account:AlternateContactTypes"): "People's addresses: only SECURITY is asked for.",
    ("securityhub:BatchUpdateFindings", "securityhub:ASFFSyntaxPath/Workflow.Status"): "Nobody suppresses a finding.",
    (
        "ssm-contacts:StartEngagement",
        "aws:CalledViaFirst",
    ): "It pages people: only what a plan says may, in an incident.",
    ("ssm:CreateOpsItem", "aws:CalledViaFirst"): "OpsItems are Incident Manager's to create, where incidents are its.",
}
"""Actions, each with a condition key without which, or with another value, it must be refused who asks with the key."""

NOT_EXERCISED = {
    "RunbookRole": "Incident Manager starts a response plan's runbook with it; the sandbox runs no Automation.",
}
"""Roles of which nothing is asked in the sandbox, with what it lacks."""
