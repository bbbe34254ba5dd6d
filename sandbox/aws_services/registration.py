"""How the services of this package get into moto.

moto finds a service in three steps: a request's host in `backend_index.backend_url_patterns` gives a name, the name a
module `moto.<name>`, and the module a `BackendDict` called `<name>_backends`, whose backend class names its URLs.

- Incident Manager is new: its package stands for a module of moto.
- OpsCenter's package does so too, for Systems Manager's host; what is not OpsCenter's it hands on to moto's Systems
  Manager, which takes a second to import and so is imported with the first request only.
- The Config aggregators' queries and counts do the same on AWS Config's host.
- The `BackendDict` of Security Hub, Organizations and Account Management is given another class to make backends of, so
  that whoever holds the dictionary sees ours, whose URLs lead to our responses.
"""

from __future__ import annotations

import re
import sys
from types import ModuleType
from typing import Any

from moto import backend_index
from moto.account.models import account_backends
from moto.core.base_backend import BackendDict, BaseBackend
from moto.organizations.models import FakeDelegatedAdministrator, organizations_backends
from moto.securityhub.models import securityhub_backends

from . import config_aggregator, ops_center, ssm_incidents
from .account_management import SERVICE_PRINCIPAL, AccountManagementBackend
from .organizations import OrganizationsBackend
from .security_hub.models import SecurityHubBackend

# moto's list of services that an account can administer for its organization lacks these.
_DELEGABLE_SERVICES = (SERVICE_PRINCIPAL, "securityhub.amazonaws.com")


def register_all() -> None:
    _register("ssm-incidents", ssm_incidents, host="ssm-incidents")
    _register("ops-center", ops_center, host="ssm")
    _register("config-aggregator", config_aggregator, host="config")
    _replace(securityhub_backends, SecurityHubBackend)
    _replace(organizations_backends, OrganizationsBackend)
    _replace(account_backends, AccountManagementBackend)
    supported = FakeDelegatedAdministrator.SUPPORTED_SERVICES
    supported.extend(service for service in _DELEGABLE_SERVICES if service not in supported)


def _register(name: str, package: ModuleType, *, host: str) -> None:
    module = f"moto.{name.replace('-', '')}"
    if module in sys.modules:
        return
    sys.modules[module] = package
    pattern = re.compile(rf"https?://{host}\.(.+)\.amazonaws\.com")
    backend_index.backend_url_patterns.insert(0, (name, pattern))


def _replace(backends: BackendDict[Any], backend: type[BaseBackend]) -> None:
    if backends.backend is backend:
        return
    if backends:
        name = backends.service_name
        raise RuntimeError(f"install() came too late: moto has backends of {name} of its own already.")
    backends.backend = backend
