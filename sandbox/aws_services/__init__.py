"""The AWS services that moto lacks, or has in part, as moto backends."""

from __future__ import annotations


def install() -> None:
    """Make moto serve what this package adds. Call it before `mock_aws()` starts or a moto server is created.

    It can be called any number of times. From then on, in-process and in `ThreadedMotoServer`, moto serves

    - Incident Manager (`ssm-incidents`),
    - Security Hub with filters, limits and updates (`securityhub`; moto's other operations of it stay),
    - OpsCenter's OpsItems (`ssm`; moto's other operations of it stay),
    - queries over what Config's aggregators know, and counts of it (`config`; moto's other operations of it stay),
    - Organizations (`organizations`) with State, Paths, pages of tags and refusals; moto's other operations of it stay,
    - Account Management (`account`), which gives contacts only to whom AWS gives them.

    State is moto's: by account (of the access key) and Region, and gone with moto's reset.
    """
    from .registration import register_all

    register_all()
