"""Signed certificates put where they belong: ledger, version, storage and audit log together.

One certificate or a chunk of a batch goes the same way. Before the signature everything is in
memory; after it, one transaction keeps everything. A storage target that is not our own database
gets its bundles afterwards, from keys that wait encrypted: a crash or an outage loses none.
"""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import Max

from certmate.audit.services import record_many
from certmate.core import clock
from certmate.core.bulk import insert_all, new
from certmate.core.errors import CertMateError, Conflict
from certmate.pki.bundle import Bundle
from certmate.pki.statements import Statement
from clients import renewal
from clients.choices import ClientState
from clients.metadata import metadata
from clients.models import ClientCertificate, ClientVersion, PendingKey
from clients.storing import ref_of, store_versions
from providers import issuers
from providers.authority.building import Drafted
from providers.issuers import SignedLeaf
from providers.models import AuthorityKey, Profile
from providers.services import key_holders
from storage import services as storage
from storage.backends.base import BundleRef
from storage.models import StorageTarget

_DECIDED = (
    *("state", "current_version", "common_name", "csr", "method", "expires_at"),
    *("renew_at", "retry_at", "notice_at", "renewal_error", "updated_at"),
)


@dataclass(frozen=True)
class Issue:
    """A certificate, new or to be renewed, with what is to be signed for it.

    `private_key` (PEM) is None where the key is not ours.
    """

    certificate: ClientCertificate
    drafted: Drafted
    private_key: str | None = field(repr=False)
    number: int = 1
    event: str = "client_certificate.issued"

    @property
    def holder(self) -> str:
        """What the ledger calls it."""
        return holder(self.certificate.identifier)


def holder(identifier: str) -> str:
    """What the ledger calls the certificate of this identifier."""
    return f"client/{identifier}"


def issue_all(
    key: AuthorityKey,
    profile: Profile,
    issues: Sequence[Issue],
    *,
    also: Callable[[Sequence[ClientVersion]], None] = lambda versions: None,
) -> list[ClientVersion]:
    """Have the drafts signed and keep what comes of them; `also` runs in the same transaction.

    Raises Conflict: `client.exists` if an identifier was taken meanwhile (then all are given up),
    and `key.*` for a public key that must not be certified for its holder.
    """
    # A key that was made here for a first version is nobody's yet.
    known = [one for one in issues if one.private_key is None or one.number > 1]
    key_holders.require_certifiable((one.drafted.public_key_hash, one.holder) for one in known)
    signed = issuers.sign_drafted(
        key, [one.drafted for one in issues], [one.holder for one in issues], profile=profile.name
    )
    return keep(profile, issues, signed, also=also)


def keep(
    profile: Profile,
    issues: Sequence[Issue],
    signed: Sequence[SignedLeaf],
    *,
    also: Callable[[Sequence[ClientVersion]], None] = lambda versions: None,
) -> list[ClientVersion]:
    """Keep what was signed, all of it or nothing.

    Raises Conflict (`client.exists`, `client.changed`).
    """
    try:
        with transaction.atomic():
            _require_unchanged([one.certificate for one in issues])
            now = clock.now()
            versions = [_version(one, leaf, now) for one, leaf in zip(issues, signed, strict=True)]
            issuers.keep(signed)
            _store(profile, issues, signed, versions)
            _save(issues, versions)
            record_many(
                [
                    (one.certificate, one.event, _told(version))
                    for one, version in zip(issues, versions, strict=True)
                ]
            )
            also(versions)
    except IntegrityError as error:
        issuers.give_up(signed, "Its identifier was taken meanwhile.")
        raise Conflict(
            "The identifier was taken by somebody else at the same time.",
            code="client.exists",
            field="identifier",
        ) from error
    except CertMateError:
        issuers.give_up(signed, "It could not be kept.")
        raise
    if unstored := [version for version in versions if version.stored_at is None]:
        store_versions(unstored)
    return versions


def next_number(certificate: ClientCertificate) -> int:
    latest = certificate.versions.aggregate(latest=Max("number"))["latest"]
    return (latest or 0) + 1


def _version(one: Issue, leaf: SignedLeaf, now: datetime) -> ClientVersion:
    drafted, certificate = one.drafted, one.certificate
    made = new(
        ClientVersion,
        number=one.number,
        entry=leaf.entry,
        storage_target=certificate.storage_target,
        serial=drafted.serial,
        fingerprint=hashlib.sha256(leaf.der).hexdigest(),
        issuer=leaf.issuer[:500],
        subject=drafted.subject_text[:500],
        not_before=drafted.not_before,
        not_after=drafted.not_after,
        key_algorithm=drafted.key.algorithm,
        key_size=drafted.key.size,
        public_key_hash=drafted.public_key_hash,
        has_private_key=one.private_key is not None,
        created_at=now,
    )
    certificate.current_version = made
    made.certificate = certificate
    certificate.state = ClientState.ACTIVE
    certificate.common_name = drafted.subject.get("CN", "")
    renewal.schedule(certificate, made)
    return made


def _require_unchanged(certificates: Sequence[ClientCertificate]) -> None:
    """Lock those that exist, and refuse what was revoked, renewed or deleted while it was signed.

    When they are renewed next is computed from what is wanted now.
    """
    known = {one.pk: one for one in certificates if not one._state.adding}
    if not known:
        return
    fields = ("state", "current_version_id", "auto_renew", "renewal_days")
    rows = ClientCertificate.objects.select_for_update(no_key=True).filter(pk__in=known)
    found = {pk: now for pk, *now in rows.values_list("pk", *fields)}
    for pk, certificate in known.items():
        state, version, auto_renew, renewal_days = found.get(pk, [None] * 4)
        if (state, version) != (certificate.state, certificate.current_version_id):
            raise Conflict(
                f"{certificate} was changed by somebody else at the same time.",
                code="client.changed",
            )
        certificate.auto_renew, certificate.renewal_days = auto_renew, renewal_days


def _save(issues: Sequence[Issue], versions: Sequence[ClientVersion]) -> None:
    fresh = [one.certificate for one in issues if one.certificate._state.adding]
    for one in issues:
        if not one.certificate._state.adding:
            # Only what an issuance decides: the rest may have been changed meanwhile.
            one.certificate.save(update_fields=_DECIDED)
    insert_all(fresh)
    for one, version in zip(issues, versions, strict=True):
        version.certificate_id = one.certificate.pk
    insert_all(versions)
    insert_all(
        [
            PendingKey(version=version, private_key={"pem": one.private_key})
            for one, version in zip(issues, versions, strict=True)
            if version.stored_at is None and one.private_key is not None
        ]
    )


def _store(
    profile: Profile,
    issues: Sequence[Issue],
    signed: Sequence[SignedLeaf],
    versions: Sequence[ClientVersion],
) -> None:
    """Bundles into our own database, now; those for all other targets are for `store_versions`."""
    own: dict[StorageTarget, list[tuple[BundleRef, Bundle, str]]] = {}
    for one, leaf, version in zip(issues, signed, versions, strict=True):
        if not storage.is_own_database(version.storage_target):
            continue
        bundle = Bundle(
            cert=leaf.cert,
            chain=leaf.chain,
            privkey=one.private_key,
            metadata=metadata(one.certificate, version, _says(profile, one.drafted)),
            csr=one.certificate.csr,
        )
        named = (ref_of(one.certificate), bundle, version.fingerprint)
        own.setdefault(version.storage_target, []).append(named)
        version.stored_at = version.created_at
    for target, bundles in own.items():
        storage.store_many(target, bundles)


def _says(profile: Profile, drafted: Drafted) -> Statement:
    return Statement(
        subject=dict(drafted.subject),
        alt_names=drafted.alt_names.as_dict(),
        key_usage=drafted.key_usage,
        extended_key_usage=tuple(profile.extended_key_usage),
    )


def _told(version: ClientVersion) -> dict[str, Any]:
    return {
        "version": version.number,
        "serial": version.serial,
        "fingerprint": version.fingerprint,
        "not_after": version.not_after.isoformat(),
    }
