"""How the services of this package get into moto.

moto finds a service in three steps: a request's host in `backend_index.backend_url_patterns` gives a name, the name a
module `moto.<name>`, and the module a `BackendDict` called `<name>_backends`, whose backend class names its URLs.

- Incident Manager is new: its package stands for a module of moto.
- OpsCenter's package does so too, for Systems Manager's host; what is not OpsCenter's it hands on to moto's Systems
  Manager, which takes a second to import and so is imported with the first request only.
- Security Hub's `BackendDict` is given another class to make backends of, so that whoever holds the dictionary sees
  ours, whose URLs lead to our responses.
"""

from __future__ import annotations

import re
import sys
from types import ModuleType

from moto import backend_index
from moto.securityhub.models import securityhub_backends

from . import ops_center, ssm_incidents
from .security_hub.models import SecurityHubBackend


def register_all() -> None:
    _register("ssm-incidents", ssm_incidents, host="ssm-incidents")
    _register("ops-center", ops_center, host="ssm")
    _register_security_hub()


def _register(name: str, package: ModuleType, *, host: str) -> None:
    module = f"moto.{name.replace('-', '')}"
    if module in sys.modules:
        return
    sys.modules[module] = package
    pattern = re.compile(rf"https?://{host}\.(.+)\.amazonaws\.com")
    backend_index.backend_url_patterns.insert(0, (name, pattern))


def _register_security_hub() -> None:
    if securityhub_backends.backend is SecurityHubBackend:
        return
    if securityhub_backends:
        raise RuntimeError("install() came too late: moto has Security Hub backends of its own already.")
    securityhub_backends.backend = SecurityHubBackend
