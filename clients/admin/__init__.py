"""Clients in the admin: translation between people and `clients.services`."""

from clients.admin import batches, certificates, enrolments, identities, overview

__all__ = ["batches", "certificates", "enrolments", "identities", "overview"]
