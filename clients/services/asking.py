"""What exactly would be done, put before those who have to approve of it."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from django.db import models

from certmate.access.actors import Actor
from certmate.access.services.approvals import Permit, require
from certmate.access.verbs import Verb
from clients.models import ClientCertificate


def ask(
    actor: Actor,
    verb: Verb,
    certificate: ClientCertificate,
    operation: str,
    *,
    also: Mapping[Verb, models.Model] = MappingProxyType({}),
    **params: Any,
) -> Permit:
    """Leave for `clients.<operation>`, and the verbs that it amounts to besides. Raises
    ApprovalNeeded where a rule asks for more eyes.
    """
    name = f"clients.{operation}"
    return require(
        actor=actor, verb=verb, target=certificate, operation=name, params=params, also=also
    )


def number(certificate: ClientCertificate) -> int | None:
    """The number of the current version."""
    version = certificate.current_version
    return version.number if version else None
