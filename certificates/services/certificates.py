"""The certificate itself: asked for, changed, deleted."""

from collections.abc import Iterable
from typing import Literal

from django.db import IntegrityError, transaction

from certificates.choices import CertificateState, OrderKind
from certificates.models import Certificate, Order, Version
from certificates.services.asking import ask, ask_for_new, number
from certificates.services.placing import as_now, place_order
from certificates.services.request import CertificateRequest
from certificates.services.signable import require_signable
from certificates.services.wanted import resolve
from certmate.access import policy
from certmate.access.actors import Actor
from certmate.access.services import find_team, give_to_team
from certmate.access.verbs import Verb
from certmate.audit.services import record
from certmate.core import clock, renewal
from certmate.core.errors import Conflict, invalid_input
from certmate.core.tags import clean_tags
from certmate.pki.names import default_object_name, parse_name, safe_object_name
from storage import services as storage
from storage.backends.base import BundleRef
from storage.models import StorageTarget


def create_certificate(
    *,
    actor: Actor,
    request: CertificateRequest,
    name: str = "",
    storage_name: str = "",
    auto_renew: bool = True,
    renewal_days: int | None = None,
    tags: Iterable[str] = (),
    team: str = "",
) -> tuple[Certificate, Order]:
    """Take up a certificate and place the order that issues it.

    Raises InvalidRequest for what no CA could be asked for or the authority would refuse, Conflict
    (`certificate.exists`, `certificate.name_taken`) if the name is taken.
    """
    policy.require_possible(actor, Verb.REQUEST, Certificate)
    wanted = resolve(actor, request)
    certificate = Certificate(
        **wanted,
        name=_name(name, wanted["names"][0]),
        team=find_team(actor=actor, name=team),
        storage_target=storage.resolve_target(actor=actor, name=storage_name),
        auto_renew=auto_renew,
        renewal_days=renewal_days,
        tags=clean_tags(tags),
        created_by=actor.user,
    )
    policy.require(actor, Verb.REQUEST, certificate)
    certificate.full_clean(validate_unique=False)
    if Certificate.objects.filter(name=certificate.name).exists():
        raise _name_taken(actor, certificate.name)
    require_signable(wanted, certificate.name)
    permit = ask_for_new(actor, certificate, wanted)
    try:
        with transaction.atomic():
            certificate.save()
            order = place_order(
                certificate, OrderKind.ISSUE, actor=actor, wanted=wanted, permit=permit
            )
    except IntegrityError as error:
        raise _name_taken(actor, certificate.name) from error
    return certificate, order


def _name_taken(actor: Actor, name: str) -> Conflict:
    """Of a certificate that the actor may not see, no more is told than that the name is no good.

    Names are addresses and directories, so that there is one of each whoever owns it.
    """
    if policy.visible(actor, Certificate.objects.filter(name=name)).exists():
        return Conflict(
            f"There is a certificate {name!r} already. Reissue it to change its names, or give "
            "another `name` to have a second one for the same domain.",
            code="certificate.exists",
            field="name",
        )
    return Conflict(
        f"The name {name!r} cannot be used here. Give another `name`.",
        code="certificate.name_taken",
        field="name",
    )


def update_certificate(
    *,
    actor: Actor,
    certificate: Certificate,
    auto_renew: bool | None = None,
    renewal_days: int | Literal["unchanged"] | None = "unchanged",
    tags: Iterable[str] | None = None,
    team: str | None = None,
) -> Certificate:
    """Change how the certificate is kept and whose it is. Its names, CA, key and proof change by
    reissue.
    """
    policy.require(actor, Verb.CHANGE, certificate)
    with transaction.atomic():
        certificate = lock(certificate)
        if auto_renew is not None:
            certificate.auto_renew = auto_renew
        if tags is not None:
            certificate.tags = clean_tags(tags)
        if team is not None:
            owner = find_team(actor=actor, name=team)
            give_to_team(actor=actor, target=certificate, team=owner)
        if renewal_days != "unchanged":
            certificate.renewal_days = renewal_days
            if certificate.current_version and certificate.state == CertificateState.ACTIVE:
                set_renewal(certificate, certificate.current_version)
        certificate.full_clean(validate_unique=False)
        certificate.save()
    return certificate


def lock(certificate: Certificate) -> Certificate:
    """The row as it is now, held until the transaction ends.

    A caller's copy may be older than the order that a worker has finished meanwhile.
    """
    return as_now(certificate, Certificate.objects.select_for_update())


def set_auto_renew(*, actor: Actor, certificate: Certificate, enabled: bool) -> Certificate:
    """Turn the renewal by schedule on or off."""
    return update_certificate(actor=actor, certificate=certificate, auto_renew=enabled)


def set_renewal(certificate: Certificate, version: Version) -> None:
    """Compute when to renew from this version, and ask a CA for its own opinion soon."""
    certificate.expires_at = version.not_after
    certificate.renew_at = renewal.renew_at(
        version.not_before, version.not_after, certificate.renewal_days, clock.jitter
    )
    certificate.retry_at = None
    # The operator's own number of days is an order; only without it is the CA asked.
    is_asked = certificate.renewal_days is None and version.ca_account_id is not None
    certificate.renewal_poll_at = clock.now() if is_asked else None


def delete_certificate(*, actor: Actor, certificate: Certificate, force: bool = False) -> None:
    """Delete the certificate with all versions and everything stored of them.

    Raises Conflict while an order is open, and (`certificate.valid`) for a certificate that is
    valid and not revoked unless `force` says that this is meant.
    """
    policy.require(actor, Verb.DELETE, certificate)
    _require_no_order(certificate)
    valid = certificate.versions.filter(revoked_at=None, not_after__gt=clock.now()).first()
    if valid and not force:
        raise Conflict(
            f"{valid} is valid until {valid.not_after:%Y-%m-%d} and not revoked. Revoke it first, "
            "or say force to delete it all the same; whoever has its key can go on using it.",
            code="certificate.valid",
        )
    permit = ask(
        actor, Verb.DELETE, certificate, "delete", force=force, version=number(certificate)
    )
    ref = BundleRef("server", certificate.name)
    for target in StorageTarget.objects.filter(versions__certificate=certificate).distinct():
        # Before the row goes: a crash in between leaves a row whose deletion can be repeated.
        storage.remove(target=target, ref=ref)
    with transaction.atomic():
        # Again, where no order can be placed any more: what it stored would be nobody's.
        _require_no_order(lock(certificate))
        permit.use()
        record(certificate, "certificate.deleted", force=force)
        certificate.delete()


def _require_no_order(certificate: Certificate) -> None:
    if certificate.orders.open().exists():
        raise Conflict("An order is open; cancel it first or let it end.", code="order.open")


def _name(name: str, primary: str) -> str:
    if not name:
        return default_object_name(parse_name(primary, public=False))
    with invalid_input("name"):
        return safe_object_name(name)
