"""Identities, their client certificates with what was issued for these, enrolments and batches."""

from clients.models.batches import Batch, BatchRow
from clients.models.certificates import ClientCertificate, ClientVersion, PendingKey
from clients.models.enrolments import Enrolment
from clients.models.identities import Identity

__all__ = [
    "Batch",
    "BatchRow",
    "ClientCertificate",
    "ClientVersion",
    "Enrolment",
    "Identity",
    "PendingKey",
]
