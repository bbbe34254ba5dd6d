"""What the linters find and may stay, with its reason. An entry that no finding needs fails too.

A key is a rule and where it is found, and for some rules what is said, with wildcards.
"""

_NOT_THERE = "Not offered there. Nothing is created of it unless IncidentBackend says so."

CFN_LINT = {
    ("E3006", "AWS::SSMIncidents::*", "* does not exist in 'us-gov-west-1'"): _NOT_THERE,
    ("E3006", "AWS::SSMIncidents::*", "* does not exist in 'cn-north-1'"): _NOT_THERE,
    ("E3006", "AWS::SSMContacts::*", "* does not exist in 'us-gov-west-1'"): _NOT_THERE,
    ("E3006", "AWS::SSMContacts::*", "* does not exist in 'cn-north-1'"): _NOT_THERE,
    ("I3011", "AWS::SQS::Queue.*"): "What waits in it is what the archive has too, or is told of by an alarm.",
}
"""A template as it is written, or as CloudFormation gets it, in any of the Regions."""

_POLICY_OF_AWS = "The policy that the CloudWatch Logs user guide gives. The service's encryption context is an ARN."

PARLIAMENT = {
    ("CREDENTIALS_EXPOSURE", "AWS::IAM::Role.*.AssumeRolePolicyDocument.*"): "What a trust policy is for.",
    ("CREDENTIALS_EXPOSURE", "AWS::IAM::Role.*.Policies.AskTheOrganizationThroughItsRole"): "One role, by its ARN.",
    ("MISMATCHED_TYPE", "AWS::KMS::Key.EncryptionKey.KeyPolicy.LogGroupsOfThisAccount"): _POLICY_OF_AWS,
    (
        "PERMISSIONS_MANAGEMENT_ACTIONS",
        "AWS::KMS::Key.EncryptionKey.KeyPolicy.AdministeredThroughIam",
    ): "As in AWS's default key policy: IAM decides, and the key cannot be locked away from the account.",
    (
        "PERMISSIONS_MANAGEMENT_ACTIONS",
        "AWS::KMS::Key.EncryptionKey.KeyPolicy.GrantedToDynamoDb",
    ): "A table keeps its key through a grant; the conditions admit grants to AWS services through DynamoDB only.",
    (
        "RESOURCE_MISMATCH",
        "AWS::KMS::Key.EncryptionKey.KeyPolicy.AdministeredThroughIam",
    ): "kms:* names actions too that are about no key; they are allowed by IAM or not at all.",
    (
        "RESOURCE_MISMATCH",
        "AWS::IAM::Role.CorrelateSignalsRole.Policies.TakeSignals",
    ): "Granted on the stream as SAM's own policy does; AWS's reference knows no resource of ListStreams.",
}
"""Statements in any form that the parameters give them. A place ends with the Sid, or the number if there is none."""

_THROUGH_MAPPINGS = (
    "Its source has a dead-letter queue, or its mapping a destination; this one is for calls that do not wait."
)
_NO_NETWORK = "It calls AWS's APIs and nothing else, and there is nothing in a network that it needs."
_BY_MAPPINGS = "Mappings bound its concurrency. A reservation would take from what the account has for everything else."
_NO_SECRETS = "Names and limits, no secrets; Lambda encrypts them with a key that AWS manages."
_BY_SQS = "Encrypted by SQS itself, which checkov does not look for. "

CHECKOV = {
    ("CKV_AWS_115", "AWS::Lambda::Function.*"): _BY_MAPPINGS,
    ("CKV_AWS_116", "AWS::Lambda::Function.*"): _THROUGH_MAPPINGS,
    ("CKV_AWS_117", "AWS::Lambda::Function.*"): _NO_NETWORK,
    ("CKV_AWS_173", "AWS::Lambda::Function.*"): _NO_SECRETS,
    ("CKV_AWS_27", "AWS::SQS::Queue.ForwardDeadLetterQueue"): _BY_SQS + "Members have no key of their own.",
    ("CKV_AWS_27", "AWS::SQS::Queue.HeartbeatDeadLetterQueue"): _BY_SQS + "Heartbeats tell nothing.",
    ("CKV_AWS_27", "AWS::SQS::Queue.SecurityBusDeadLetterQueue"): _BY_SQS
    + "It takes what comes while the key is out of reach.",
    ("CKV_AWS_33", "AWS::KMS::Key.EncryptionKey"): "Conditions narrow it to this account through three services.",
}
"""Resources in any form that the parameters give them."""
