"""Enrolments: CSRs made here, requests that wait for approval, and what somebody decides."""

from collections.abc import Sequence

from django.contrib.auth.models import User
from django.db import IntegrityError, transaction

from certmate.access import owners, policy
from certmate.access.actors import Actor
from certmate.access.models import ApiToken, ServiceAccount
from certmate.access.requesters import present
from certmate.access.services.approvals import Permit
from certmate.access.verbs import Verb
from certmate.audit.services import record
from certmate.core import clock
from certmate.core.errors import AccessDenied, Conflict, InvalidRequest
from certmate.pki.keys import KeyType, new_key, to_pem
from certmate.pki.requests import build_request
from clients.choices import EnrolmentState, Method
from clients.issuing import next_number
from clients.models import ClientCertificate, ClientVersion, Enrolment
from clients.services import making
from clients.services.admitting import admit, taken
from clients.services.ours import profile_of
from clients.services.wishes import ClientWish, Prepared, again, prepare


def create_csr(*, actor: Actor, wish: ClientWish) -> tuple[Enrolment, str, str]:
    """A CSR for a key that is kept elsewhere: the request, the CSR and the key, both in PEM.

    The key is nowhere afterwards but with the caller. Nothing is asked of the authority yet.
    """
    policy.require_possible(actor, Verb.REQUEST, ClientCertificate)
    prepared = prepare(actor, wish)
    policy.require(actor, Verb.REQUEST, prepared.certificate)
    making.require_signable(prepared)
    private_key = to_pem(new_key(KeyType(prepared.certificate.key_type)))
    csr = build_request(private_key, prepared.subject, prepared.alt_names)
    enrolment = _new(actor, prepared, wish, EnrolmentState.DRAFT)
    enrolment.csr = csr
    with transaction.atomic():
        enrolment.save()
        record(enrolment, "enrolment.csr_created", identifier=enrolment.identifier)
    return enrolment, csr, private_key


def submit_csr(*, actor: Actor, enrolment: Enrolment, csr: str = "") -> Enrolment:
    """Ask for the certificate of a CSR that was made here, or for that of another one instead.

    Raises AccessDenied for somebody else's, Conflict (`enrolment.submitted`).
    """
    policy.require(actor, Verb.VIEW, enrolment)
    if actor.user is None or enrolment.requested_by_id != actor.user.pk:
        raise AccessDenied("Whoever made the CSR submits it.", code="enrolment.other")
    if enrolment.state != EnrolmentState.DRAFT:
        raise Conflict("It is submitted already.", code="enrolment.submitted")
    wish = ClientWish(**{**enrolment.wish, "csr": csr or enrolment.csr})
    prepared = prepare(actor, wish)
    permit = admit(actor, prepared, wish)
    enrolment.csr = prepared.certificate.csr
    enrolment.identifier = prepared.certificate.identifier
    if profile_of(prepared.certificate).needs_approval:
        return take_in(actor, prepared, wish, permit, enrolment=enrolment)

    def settle(versions: Sequence[ClientVersion]) -> None:
        _move(enrolment, EnrolmentState.DRAFT, EnrolmentState.ISSUED)
        enrolment.certificate = prepared.certificate
        enrolment.save()

    making.make(prepared, permit=permit, also=settle)
    return enrolment


def take_in(
    actor: Actor,
    prepared: Prepared,
    wish: ClientWish,
    permit: Permit,
    *,
    enrolment: Enrolment | None = None,
) -> Enrolment:
    """Keep a request that waits for approval; its certificate exists, and nothing is signed."""
    certificate = prepared.certificate
    row = enrolment or _new(actor, prepared, wish, EnrolmentState.PENDING)
    row.csr = certificate.csr
    try:
        with transaction.atomic():
            permit.use(certificate)
            certificate.save(force_insert=True)
            if enrolment is not None:
                _move(enrolment, EnrolmentState.DRAFT, EnrolmentState.PENDING)
            row.certificate = certificate
            row.save()
            record(row, "enrolment.requested", identifier=row.identifier)
    except IntegrityError as error:
        raise taken(actor, certificate.identifier) from error
    return row


def take_in_renewal(
    actor: Actor,
    certificate: ClientCertificate,
    prepared: Prepared,
    permit: Permit,
    *,
    supersede: bool,
) -> Enrolment:
    """Keep a request for another key that waits for approval."""
    csr = prepared.request.pem if prepared.request else ""
    row = _new(actor, prepared, ClientWish(identifier=certificate.identifier, csr=csr), "pending")
    row.certificate, row.csr, row.renews, row.supersedes = certificate, csr, True, supersede
    with transaction.atomic():
        permit.use(certificate)
        row.save()
        record(row, "enrolment.requested", identifier=row.identifier)
    return row


def approve_enrolment(*, actor: Actor, enrolment: Enrolment, reason: str = "") -> Enrolment:
    """Have the certificate issued. Raises AccessDenied (`approval.own`) for whoever asked,
    (`access.withdrawn`) if whoever asked may not do so any more, Conflict (`enrolment.ended`).
    """
    decider = _require_decider(actor, enrolment)
    certificate = _certificate(enrolment)
    _require_still(enrolment, certificate)
    if enrolment.renews:
        making.require_renewable(certificate)
    prepared = again(certificate, enrolment.csr)
    if prepared.request is not None:
        certificate.csr, certificate.method = prepared.request.pem, Method.CSR
    before = certificate.current_version

    def settle(versions: Sequence[ClientVersion]) -> None:
        _decide(enrolment, decider, EnrolmentState.ISSUED, reason)
        if enrolment.supersedes and before is not None:
            making.supersede(before)

    event = f"client_certificate.{'renewed' if enrolment.renews else 'issued'}"
    number = next_number(certificate)
    making.make(prepared, permit=Permit(), number=number, event=event, also=settle)
    return enrolment


def reject_enrolment(*, actor: Actor, enrolment: Enrolment, reason: str) -> Enrolment:
    """End the request. Raises as `approve_enrolment`, and InvalidRequest without a reason."""
    if not reason.strip():
        raise InvalidRequest("Say why.", code="approval.reason", field="reason")
    decider = _require_decider(actor, enrolment)
    with transaction.atomic():
        _decide(enrolment, decider, EnrolmentState.REJECTED, reason)
        certificate = enrolment.certificate
        if certificate is not None and not enrolment.renews:
            # It never was one.
            enrolment.certificate = None
            enrolment.save(update_fields=["certificate"])
            certificate.delete()
    return enrolment


def may_decide(actor: Actor, enrolment: Enrolment) -> bool:
    """Whether the actor's decision would be taken."""
    if enrolment.state != EnrolmentState.PENDING:
        return False
    return policy.allowed(actor, Verb.APPROVE, enrolment) and not _is_own(actor, enrolment)


def _new(actor: Actor, prepared: Prepared, wish: ClientWish, state: str) -> Enrolment:
    certificate = prepared.certificate
    return Enrolment(
        team=certificate.team,
        authority=certificate.authority,
        identifier=certificate.identifier,
        wish={**wish.plain(), "csr": certificate.csr},
        state=state,
        requested_by=actor.user,
        requested_token=actor.token,
        by_token=actor.token is not None,
    )


def _certificate(enrolment: Enrolment) -> ClientCertificate:
    rows = ClientCertificate.objects.select_related(
        *("authority", "profile", "storage_target", "team", "identity", "current_version")
    )
    found = rows.filter(pk__in=[enrolment.certificate_id]).first()
    if found is None:
        raise Conflict("The certificate was deleted meanwhile.", code="enrolment.ended")
    return found


def _require_decider(actor: Actor, enrolment: Enrolment) -> User:
    policy.require(actor, Verb.APPROVE, enrolment)
    if enrolment.state != EnrolmentState.PENDING:
        raise _ended(enrolment)
    if actor.user is None or _is_own(actor, enrolment):
        raise AccessDenied("Somebody else than whoever asked has to decide.", code="approval.own")
    return actor.user


def _is_own(actor: Actor, enrolment: Enrolment) -> bool:
    """Whether the one who decides and the one who asked can be the same person: themselves, by a
    token that either made, or by a service account that either can act for.
    """
    asked = _behind(enrolment.requested_by_id, enrolment.requested_token)
    decides = _behind(actor.user.pk if actor.user else None, actor.token)
    if asked & decides:
        return True
    return _act_for(decides, asked, by_program=enrolment.by_token) or _act_for(
        asked, decides, by_program=actor.token is not None
    )


def _behind(user: int | None, token: ApiToken | None) -> set[int]:
    made_by = token.made_by_id if token is not None else None
    return {pk for pk in (user, made_by) if pk is not None}


def _act_for(people: set[int], others: set[int], *, by_program: bool) -> bool:
    """Whether one of the people could have done what one of the others has done as a program."""
    programs = set(ServiceAccount.objects.filter(user__in=others).values_list("user_id", flat=True))
    targets = others if by_program else programs
    if not targets:
        return False
    users = {user.pk: user for user in User.objects.filter(pk__in=people | targets)}
    return any(
        owners.acts_for(Actor.of(users[person]), users[target])
        for person in people & users.keys()
        for target in targets & users.keys()
    )


def _require_still(enrolment: Enrolment, certificate: ClientCertificate) -> None:
    actor = present(
        enrolment.requested_by_id, enrolment.requested_token_id, by_token=enrolment.by_token
    )
    verbs = [Verb.RENEW if enrolment.renews else Verb.REQUEST]
    if enrolment.supersedes:
        verbs.append(Verb.REVOKE)
    if not all(policy.allowed(actor, verb, certificate) for verb in verbs):
        raise AccessDenied(
            "Whoever asked for this may not do so any more. Reject it.", code="access.withdrawn"
        )


def _decide(enrolment: Enrolment, decider: User, state: EnrolmentState, reason: str) -> None:
    """In the caller's transaction; of two who decide at once, one finds it decided."""
    _move(
        enrolment,
        EnrolmentState.PENDING,
        state,
        decided_by=decider,
        decided_at=clock.now(),
        reason=reason.strip()[:500],
    )
    verb = "approved" if state == EnrolmentState.ISSUED else "rejected"
    record(enrolment, f"enrolment.{verb}", identifier=enrolment.identifier, reason=reason)


def _move(
    enrolment: Enrolment, before: EnrolmentState, after: EnrolmentState, **values: object
) -> None:
    rows = Enrolment.objects.filter(pk=enrolment.pk, state=before)
    if rows.update(state=after, **values) != 1:
        raise _ended(enrolment)
    for name, value in {"state": after, **values}.items():
        setattr(enrolment, name, value)


def _ended(enrolment: Enrolment) -> Conflict:
    return Conflict(f"{enrolment} has been decided about.", code="enrolment.ended")
