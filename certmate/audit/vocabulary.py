"""The names of events, for those who choose among them."""

from functools import cache

from auditlog.registry import auditlog
from django.contrib.contenttypes.models import ContentType

from certmate.audit.writing import CHANGES, event_name

DOMAIN = (
    "access.denied",
    "access.granted",
    "access.groups_changed",
    "access.permissions_changed",
    "approval.approved",
    "approval.cancelled",
    "approval.carried_out",
    "approval.expired",
    "approval.explained",
    "approval.failed",
    "approval.granted",
    "approval.rejected",
    "approval.reopened",
    "approval.requested",
    "audit.exported",
    "audit.pruned",
    "authority.crls_published",
    "authority.disabled",
    "authority.enabled",
    "authority.key_activated",
    "authority.responder_made",
    "batch.cancelled",
    "batch.done",
    "batch.failed",
    "batch.requested",
    "ca_account.verification_failed",
    "ca_account.verified",
    "certificate.adopted",
    "certificate.deleted",
    "certificate.downloaded",
    "certificate.failed",
    "certificate.issued",
    "certificate.paused",
    "certificate.reissued",
    "certificate.renewal_requested",
    "certificate.renewed",
    "certificate.requested",
    "certificate.revocation_requested",
    "certificate.revoked",
    "client_certificate.adopted",
    "client_certificate.deleted",
    "client_certificate.downloaded",
    "client_certificate.issued",
    "client_certificate.released",
    "client_certificate.renewal_needs_action",
    "client_certificate.renewed",
    "client_certificate.revoked",
    "client_certificate.uploaded",
    "dns_account.verification_failed",
    "dns_account.verified",
    "enrolment.approved",
    "enrolment.csr_created",
    "enrolment.rejected",
    "enrolment.requested",
    "key.exported",
    "key.used_again",
    "ledger.adopted",
    "ledger.given_up",
    "ledger.released",
    "ledger.revoked",
    "order.cancelled",
    "order.retried",
    "signin.factor_added",
    "signin.factor_removed",
    "signin.locked",
    "signin.recovery_codes_renewed",
    "signin.roles_mapped",
    "signin.second_factor_reset",
    "signin.session_ended",
    "signin.sessions_ended",
    "signin.unlocked",
    "storage_target.bundle_copied",
    "storage_target.migrated",
    "storage_target.migration_cancelled",
    "storage_target.migration_failed",
    "storage_target.migration_incomplete",
    "storage_target.migration_requested",
    "storage_target.mirror_added",
    "storage_target.mirror_removed",
    "storage_target.rebuild_cancelled",
    "storage_target.rebuild_failed",
    "storage_target.rebuild_incomplete",
    "storage_target.rebuild_requested",
    "storage_target.rebuilt",
    "storage_target.verification_failed",
    "storage_target.verified",
    "token.created",
    "token.revoked",
    "token.rotated",
    "user.password_changed",
    "user.sign_in_failed",
    "user.signed_in",
    "user.signed_out",
    "version.activated",
)
"""What `record` is called with; any other name is found by its address all the same."""


@cache
def event_names() -> tuple[str, ...]:
    """Those of `record`, and those of the changes of every model that is logged."""
    kinds = [
        ContentType(app_label=model._meta.app_label, model=model._meta.model_name)
        for model in auditlog.get_models()
    ]
    changes = [action for action, name in CHANGES.items() if name != "read"]
    found = {event_name(kind, action, None) for kind in kinds for action in changes}
    return tuple(sorted({*DOMAIN, *found}))


def object_kinds() -> list[tuple[str, str]]:
    """The kinds of objects that are logged: value and name."""
    found = [(m._meta.label_lower, str(m._meta.verbose_name)) for m in auditlog.get_models()]
    return sorted(found, key=lambda kind: kind[1].lower())
