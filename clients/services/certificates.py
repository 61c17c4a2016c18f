"""Client certificates: asked for, uploaded, changed, deleted."""

from collections.abc import Iterable
from datetime import timedelta
from typing import Literal

from django.db import IntegrityError, transaction

from certmate.access import policy
from certmate.access.actors import Actor
from certmate.access.services import find_team, give_to_team
from certmate.access.verbs import Verb
from certmate.audit.services import record
from certmate.core import clock
from certmate.core.errors import Conflict, InvalidRequest, NotFound, invalid_input
from certmate.core.issued import version_fields
from certmate.core.tags import clean_tags
from certmate.pki.bundle import Bundle
from certmate.pki.bundle import check as check_bundle
from certmate.pki.inspect import CertificateFacts, describe_certificate, pem_blocks, split_chain
from certmate.pki.keys import load_private_key, to_pem
from certmate.pki.statements import Statement, statement
from clients import renewal, storing
from clients.choices import ClientState, Method
from clients.models import ClientCertificate, ClientVersion, Enrolment, PendingKey
from clients.services import enrolling, making
from clients.services.admitting import LOOKED_UP, admit, taken
from clients.services.asking import ask, number
from clients.services.ours import profile_of
from clients.services.wishes import (
    ClientWish,
    find_identity,
    identifier_of,
    prepare,
)
from storage import services as storage
from storage.models import StorageTarget

STORING = timedelta(minutes=10)
"""Longer than it takes to bring a version to its place, or to find that it cannot be brought."""

LONGEST_SERIAL = 40
"""Hexadecimal digits of the 20 octets of RFC 5280 §4.1.2.2."""


def request_client_certificate(
    *, actor: Actor, wish: ClientWish
) -> tuple[ClientCertificate, Enrolment | None]:
    """Have a certificate issued; where its profile wants approval, take the request in.

    Raises InvalidRequest with the field that breaks a rule, Conflict (`client.exists`,
    `authority.*`), and ApprovalNeeded where a rule asks for more eyes.
    """
    policy.require_possible(actor, Verb.REQUEST, ClientCertificate)
    prepared = prepare(actor, wish)
    permit = admit(actor, prepared, wish)
    certificate = prepared.certificate
    if profile_of(certificate).needs_approval:
        return certificate, enrolling.take_in(actor, prepared, wish, permit)
    making.make(prepared, permit=permit)
    return certificate, None


def upload_client_certificate(
    *,
    actor: Actor,
    certificate: str,
    chain: str = "",
    private_key: str = "",
    identifier: str = "",
    identity: str = "",
    storage_name: str = "",
    team: str = "",
    tags: Iterable[str] = (),
    notes: str = "",
) -> ClientCertificate:
    """Keep a certificate that another CA issued, and its key if it is given, watched for expiry."""
    policy.require_possible(actor, Verb.REQUEST, ClientCertificate)
    bundle = _brought(certificate, chain, private_key)
    facts, says = read_foreign(bundle.cert)
    holder = find_identity(actor, identity)
    common_name = says.subject.get("CN", "")
    row = ClientCertificate(
        identifier=identifier_of(identifier, common_name),
        identity=holder,
        storage_target=storage.resolve_target(actor=actor, name=storage_name),
        team=find_team(actor=actor, name=team) or (holder.team if holder else None),
        certificate_type="client",
        method=Method.MANUAL,
        state=ClientState.ACTIVE,
        common_name=common_name[:64],
        subject=says.subject,
        alt_names=says.alt_names,
        auto_renew=False,
        tags=clean_tags(tags),
        notes=notes,
        created_by=actor.user,
        expires_at=facts.not_after,
    )
    policy.require(actor, Verb.REQUEST, row)
    row.clean_fields(exclude=LOOKED_UP)
    _keep_upload(actor, row, foreign_version(row, 1, facts, bundle), bundle)
    return row


def foreign_version(
    row: ClientCertificate, number: int, facts: CertificateFacts, bundle: Bundle
) -> ClientVersion:
    """A version, unsaved, of a certificate that no line of a ledger has the bytes of."""
    return ClientVersion(
        certificate=row,
        number=number,
        storage_target=row.storage_target,
        **version_fields(facts),
        subject=facts.subject[:500],
        has_private_key=bundle.privkey is not None,
        cert=bundle.cert,
        chain=bundle.chain,
        created_at=clock.now(),
    )


def _keep_upload(
    actor: Actor, row: ClientCertificate, version: ClientVersion, bundle: Bundle
) -> None:
    permit = ask(actor, Verb.REQUEST, row, "upload", identifier=row.identifier, cert=bundle.cert)
    try:
        with transaction.atomic():
            permit.use(row)
            row.current_version = version
            row.save(force_insert=True)
            version.save(force_insert=True)
            if bundle.privkey is not None:
                PendingKey.objects.create(version=version, private_key={"pem": bundle.privkey})
            record(row, "client_certificate.uploaded", serial=version.serial)
    except IntegrityError as error:
        raise taken(actor, row.identifier) from error
    storing.store_versions([version])


def read_foreign(certificate: str) -> tuple[CertificateFacts, Statement]:
    """What a certificate from elsewhere says, if our columns can hold it."""
    with invalid_input("certificate"):
        facts = describe_certificate(certificate)
        says = statement(pem_blocks(certificate)[0][1])
    names = [name for kind in says.alt_names.values() for name in kind]
    if any("\x00" in text for text in (facts.issuer, *says.subject.values(), *names)):
        raise InvalidRequest(
            "There is a NUL in a name.", code="certificate.malformed", field="certificate"
        )
    if len(facts.serial) > LONGEST_SERIAL:
        raise InvalidRequest(
            "Its serial number is longer than 20 octets (RFC 5280 §4.1.2.2).",
            code="certificate.malformed",
            field="certificate",
        )
    return facts, says


def _brought(certificate: str, chain: str, private_key: str) -> Bundle:
    with invalid_input("certificate"):
        found = split_chain(certificate)
    if not found:
        raise InvalidRequest(
            "This is no PEM certificate.", code="certificate.malformed", field="certificate"
        )
    with invalid_input("chain"):
        above = split_chain(chain)
    if chain.strip() and not above:
        raise InvalidRequest(
            "These are no PEM certificates.", code="certificate.malformed", field="chain"
        )
    with invalid_input("private_key"):
        key = to_pem(load_private_key(private_key)) if private_key else None
    bundle = Bundle(found[0], "".join([*found[1:], *above]), key)
    with invalid_input("certificate"):
        check_bundle(bundle)
    return bundle


def update_client_certificate(
    *,
    actor: Actor,
    certificate: ClientCertificate,
    auto_renew: bool | None = None,
    renewal_days: int | Literal["unchanged"] | None = "unchanged",
    tags: Iterable[str] | None = None,
    notes: str | None = None,
    identity: str | None = None,
    team: str | None = None,
) -> ClientCertificate:
    """Change how it is kept and whose it is. What it says changes by a new certificate."""
    policy.require(actor, Verb.CHANGE, certificate)
    holder = find_identity(actor, identity) if identity is not None else None
    with transaction.atomic():
        certificate = lock(certificate)
        if identity is not None and certificate.identity != holder:
            policy.require_no_gain(actor, certificate, identity=holder)
            if certificate.identity is not None:
                # What its rules ask for ends with it, as with a team.
                policy.require(actor, Verb.ADMINISTER, certificate)
            certificate.identity = holder
        if team is not None:
            owner = find_team(actor=actor, name=team)
            give_to_team(actor=actor, target=certificate, team=owner)
        if tags is not None:
            certificate.tags = clean_tags(tags)
        certificate.notes = certificate.notes if notes is None else notes
        if auto_renew is not None:
            certificate.auto_renew = auto_renew and certificate.authority_id is not None
        if renewal_days != "unchanged":
            certificate.renewal_days = renewal_days
        if certificate.current_version and certificate.state == ClientState.ACTIVE:
            renewal.schedule(certificate, certificate.current_version)
        certificate.clean_fields(exclude=LOOKED_UP)
        certificate.save()
    return certificate


def lock(certificate: ClientCertificate) -> ClientCertificate:
    """The row as it is now, held until the transaction ends."""
    rows = ClientCertificate.objects.select_for_update(of=("self",))
    found = rows.select_related("current_version").filter(pk=certificate.pk).first()
    if found is None:
        raise NotFound(f"{certificate} was deleted meanwhile.", code="request.not_found")
    return found


def delete_client_certificate(
    *, actor: Actor, certificate: ClientCertificate, force: bool = False
) -> None:
    """Delete it with everything stored of it; the ledger keeps what was signed, and it can still
    be revoked there.

    Raises Conflict (`client.valid`) for one that is valid and not revoked unless `force` says that
    this is meant, and (`client.storing`) while a version is on its way to its place.
    """
    policy.require(actor, Verb.DELETE, certificate)
    _require_stored(certificate)
    valid = certificate.versions.filter(revoked_at=None, not_after__gt=clock.now()).first()
    if valid and not force:
        raise Conflict(
            f"{valid} is valid until {valid.not_after:%Y-%m-%d} and not revoked. Revoke it first, "
            "or say force to delete it all the same; whoever has its key can go on using it.",
            code="client.valid",
        )
    permit = ask(
        actor, Verb.DELETE, certificate, "delete", force=force, version=number(certificate)
    )
    used = certificate.versions.values("storage_target")
    for target in StorageTarget.objects.filter(pk__in=used):
        # Before the row goes: a crash in between leaves a row whose deletion can be repeated.
        storage.remove(target=target, ref=storing.ref_of(certificate))
    with transaction.atomic():
        # Again, where nothing new can be issued any more: what came late would be nobody's.
        _require_stored(lock(certificate))
        permit.use()
        record(certificate, "client_certificate.deleted", force=force)
        certificate.delete()


def _require_stored(certificate: ClientCertificate) -> None:
    # One that cannot be stored at all may not keep the certificate for ever.
    young = certificate.versions.filter(stored_at=None, created_at__gt=clock.now() - STORING)
    if young.exists():
        raise Conflict(
            "A version is on its way to its storage target; try again in some minutes.",
            code="client.storing",
        )
