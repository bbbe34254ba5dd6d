"""One resource, and its canonical forms."""

import re
from dataclasses import dataclass

from responder.domain.resource.types import find_type
from responder.domain.text import quoted

GLOBAL = "global"
"""Region of the resources of services that have none, such as IAM."""

_GLOBAL_TYPES = re.compile(r"AWS::(IAM|CloudFront|Organizations|Route53|WAF)::")
_ARN = re.compile(r"arn:aws(-cn|-us-gov)?:[a-z0-9-]*:[a-z0-9-]*:([0-9]{12})?:.+")


@dataclass(frozen=True, slots=True)
class Resource:
    """One AWS resource. ``type`` is CloudFormation's name, such as ``AWS::S3::Bucket``."""

    partition: str
    account: str
    region: str
    type: str
    id: str

    def __post_init__(self) -> None:
        if _GLOBAL_TYPES.match(self.type):
            object.__setattr__(self, "region", GLOBAL)

    def __str__(self) -> str:
        """The canonical text form; the id comes last because it may hold any character.

        >>> str(Resource("aws", "111122223333", "us-east-1", "AWS::IAM::User", "AIDAEXAMPLE"))
        'aws/111122223333/global/AWS::IAM::User/AIDAEXAMPLE'
        """
        return "/".join((self.partition, self.account, self.region, self.type, self.id))

    @classmethod
    def parse(cls, text: str) -> "Resource":
        """The resource of a canonical text form. An id may hold slashes, a type may not.

        Raises
        ------
        ValueError
            For a text that is no resource's canonical form.

        >>> Resource.parse("aws/111122223333/eu-west-1/AWS::DynamoDB::Table/orders/2026").id
        'orders/2026'
        >>> Resource.parse("aws/111122223333/us-east-1/AWS::IAM::User/ada")
        Traceback (most recent call last):
        ...
        ValueError: a text of 45 characters is no resource's canonical text
        """
        parts = text.split("/", 4)
        if len(parts) == 5 and all(parts):
            resource = cls(*parts)
            if str(resource) == text:
                return resource
        raise ValueError(f"{quoted(text)} is no resource's canonical text")

    @property
    def name(self) -> str:
        """Type and id, where account and Region are told beside it.

        >>> Resource("aws", "111122223333", "eu-west-1", "AWS::S3::Bucket", "acme-invoices").name
        'AWS::S3::Bucket/acme-invoices'
        """
        return f"{self.type}/{self.id}"

    @property
    def arn(self) -> str | None:
        """The ARN, where type and id are enough to tell it; None otherwise.

        >>> Resource("aws-cn", "111122223333", "cn-north-1", "AWS::S3::Bucket", "acme-invoices").arn
        'arn:aws-cn:s3:::acme-invoices'
        """
        if is_arn(self.id):
            return self.id
        kind = find_type(self.type)
        if kind is None or kind.normal_id(self.id) != self.id:
            return None
        arns = kind.arns(partition=self.partition, account=self.account, region=self.region, id=self.id)
        return next((arn for arn in arns if is_arn(arn)), None)

    @classmethod
    def from_arn(cls, arn: str, kind: str) -> "Resource":
        """The resource of this type that the ARN names; an S3 ARN has neither account nor Region (both are then empty).

        Where the short id of a type is not known, the ARN itself is the id.

        >>> Resource.from_arn("arn:aws:ec2:eu-west-1:111122223333:instance/i-0abc", "AWS::EC2::Instance").id
        'i-0abc'
        """
        _, partition, _, region, account, _ = arn.split(":", 5)
        known = find_type(kind)
        return cls(partition, account, region, kind, (known.id_in(arn) if known else None) or arn)


def is_arn(text: str | None) -> bool:
    """Whether AWS's services take the text for an ARN (the pattern is Incident Manager's, in botocore's model)."""
    return text is not None and len(text) <= 1000 and _ARN.fullmatch(text) is not None


def partition_of(region: str) -> str:
    """The partition that a Region belongs to.

    >>> partition_of("us-gov-west-1"), partition_of("cn-north-1"), partition_of("eu-west-1")
    ('aws-us-gov', 'aws-cn', 'aws')
    """
    if region.startswith("cn-"):
        return "aws-cn"
    return "aws-us-gov" if region.startswith("us-gov-") else "aws"
