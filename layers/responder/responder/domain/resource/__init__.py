"""Resource identity: what makes two mentions of a resource the same resource.

ARNs, short ids, names, URLs and Config ids become one :class:`Resource`. Two are the same only if partition, account,
Region, type and id all agree; a short id in another account is a namesake, nothing more. :mod:`.identity` says what a
resource is, :mod:`.types` is the table of what its names look like, :mod:`.mentions` reads them. :mod:`.relations` has
which resources stand for one another.
"""

from responder.domain.resource.identity import GLOBAL, Resource, is_arn, partition_of
from responder.domain.resource.mentions import (
    resource_named,
    resource_of_config_item,
    resource_of_finding,
    resources_of_config_item,
    unencoded,
)

__all__ = [
    "GLOBAL",
    "Resource",
    "is_arn",
    "partition_of",
    "resource_named",
    "resource_of_config_item",
    "resource_of_finding",
    "resources_of_config_item",
    "unencoded",
]
