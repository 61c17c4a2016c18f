"""The team's identities, client certificates, requests and batches."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from django.contrib.auth.models import User

from certmate.access.actors import Actor
from certmate.access.services.approvals import Permit
from certmate.core import clock
from clients.choices import BatchState, EnrolmentState, RowState
from clients.models import Batch, BatchRow, ClientCertificate, ClientVersion, Enrolment, Identity
from clients.services import ClientWish, making, revoke_client_certificate
from clients.services.wishes import prepare
from storage.models import StoredBundle
from tests import factories_clients

if TYPE_CHECKING:
    from tests.matrix.world import Things

SYSTEM = Actor.system()
KEY = factories_clients.key()


def add(things: "Things", label: str, keys: Iterator[int | None]) -> None:
    """One of each, and one more of those that can be deleted; that certificate is on hold."""
    things.add(_identity(f"{label}-holder", things, next(keys)))
    things.spare["clients.identity"] = _identity(f"{label}-spare-holder", things, next(keys))
    issued = things.add(_issued(f"client.{label}.test", things, next(keys)))
    spare = _issued(f"old-client.{label}.test", things, next(keys))
    revoke_client_certificate(actor=SYSTEM, certificate=spare, reason="certificateHold")
    things.spare["clients.clientcertificate"] = spare
    waiting = _issued(f"waiting.{label}.test", things, next(keys), waits=True)
    things.add(_enrolment(waiting.identifier, waiting, next(keys)))
    draft = _enrolment(f"draft.{label}.test", waiting, next(keys), is_draft=True)
    things.spare["clients.enrolment"] = draft
    things.add(_batch(issued, next(keys)))


def ask(things: "Things", user: User) -> None:
    """Have the requests be somebody's."""
    rows = Enrolment.objects.filter(team=things.team)
    rows.update(requested_by=user)


def erase(things: "Things") -> None:
    """Make it so that none of them ever was; identities go with the team."""
    certificates = ClientCertificate.objects.filter(team=things.team)
    names = certificates.values("identifier")
    StoredBundle.objects.filter(kind="client", name__in=names).delete()
    for model in (Batch, Enrolment, ClientCertificate):
        model._default_manager.filter(team=things.team).delete()


def _identity(name: str, things: "Things", pk: int | None) -> Identity:
    made = factories_clients.identity(
        name, team=things.team.name, description=name, subject={"O": name}
    )
    if pk is not None:
        Identity.objects.filter(pk=made.pk).update(id=pk)
        return Identity.objects.get(pk=pk)
    return made


def _issued(
    name: str, things: "Things", pk: int | None, *, waits: bool = False
) -> ClientCertificate:
    prepared = prepare(SYSTEM, _wish(name, things))
    certificate = prepared.certificate
    if waits:
        certificate.pk = pk
        certificate.save(force_insert=True)
        return certificate
    making.make(prepared, permit=Permit())
    if pk is None:
        return certificate
    ClientVersion.objects.filter(certificate=certificate.pk).update(certificate=pk)
    ClientCertificate.objects.filter(pk=certificate.pk).update(id=pk)
    return ClientCertificate.objects.get(pk=pk)


def _wish(name: str, things: "Things") -> ClientWish:
    return ClientWish(
        common_name=name,
        identifier=name,
        identity=things["clients.identity"].name,
        authority=things["providers.authority"].name,
        profile=things["providers.profile"].name,
        storage=things["storage.storagetarget"].name,
        team=things.team.name,
        san={"dns": [name]},
        key_type="ec256",
        notes=name,
    )


def _enrolment(
    name: str,
    certificate: ClientCertificate,
    pk: int | None,
    *,
    is_draft: bool = False,
) -> Enrolment:
    """A request that waits for approval, or one like it that is not submitted."""
    assert certificate.authority
    assert certificate.team
    wish = ClientWish(
        identifier=name,
        authority=certificate.authority.name,
        storage=certificate.storage_target.name,
        team=certificate.team.name,
    )
    return Enrolment.objects.create(
        pk=pk,
        team=certificate.team,
        authority=certificate.authority,
        identifier=name,
        wish=wish.plain(),
        csr=factories_clients.csr(KEY, name),
        state=EnrolmentState.DRAFT if is_draft else EnrolmentState.PENDING,
        certificate=None if is_draft else certificate,
    )


def _batch(issued: ClientCertificate, pk: int | None) -> Batch:
    assert issued.authority
    assert issued.profile
    batch = Batch.objects.create(
        pk=pk,
        team=issued.team,
        authority=issued.authority,
        profile=issued.profile,
        storage_target=issued.storage_target,
        state=BatchState.QUEUED,
        total=2,
        issued=1,
        started_at=clock.now(),
    )
    BatchRow.objects.create(
        batch=batch,
        number=1,
        identifier=issued.identifier,
        wish={},
        state=RowState.ISSUED,
        certificate=issued,
    )
    BatchRow.objects.create(
        batch=batch,
        number=2,
        identifier=f"failed.{issued.identifier}",
        wish={},
        state=RowState.FAILED,
        error_code="batch.field",
        error_detail=f"Not for {issued.identifier}.",
    )
    return batch
