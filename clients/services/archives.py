"""What came of a batch as one ZIP, written while it is sent: no file and no list of all rows."""

import csv
import io
import zipfile
from collections.abc import Iterator, Sequence
from uuid import UUID

from django.contrib.contenttypes.models import ContentType
from django.db import transaction
from django.db.models import F, Q

from certmate.access import grants, policy
from certmate.access.actors import Actor
from certmate.access.models import ApprovalRule
from certmate.access.services import approvals
from certmate.access.verbs import Verb
from certmate.audit.services import record_many
from certmate.core.errors import Conflict
from certmate.pki.bundle import Bundle, files
from clients import storing
from clients.choices import RowState
from clients.models import Batch, BatchRow, ClientCertificate, ClientVersion
from providers.models import AuthorityKey
from storage import services as storage

CHUNK = 200
REPORT = "report.csv"
# As of single bundles: the same batch is the same file, whenever it is sent.
_ZIP_EPOCH = (1980, 1, 1, 0, 0, 0)
_COLUMNS = ("row", "identifier", "state", "serial", "not_after", "error", "detail", "field")


def stream_batch(*, actor: Actor, batch: Batch, include_private: bool) -> Iterator[bytes]:
    """The ZIP in pieces: a folder for each certificate that the actor may have, and a report.

    Asks for permission before the first piece. Keys come along where the actor may export them, and
    each is in the audit log before it is read. Raises Conflict (`batch.keys_need_approval`) where a
    rule wants more eyes on one of these keys; under a rule that comes later the key stays out.
    """
    policy.require(actor, Verb.VIEW, batch)
    if include_private:
        _require_no_rule(actor, batch)
    return _archive(actor, batch, include_private=include_private)


class _Pipe(io.RawIOBase):
    """What a ZipFile writes to: it cannot go back, and what was written is taken away."""

    def __init__(self) -> None:
        super().__init__()
        self._parts: list[bytes] = []

    def writable(self) -> bool:
        return True

    def write(self, data: "bytes | bytearray | memoryview", /) -> int:  # type: ignore[override]
        part = bytes(data)
        self._parts.append(part)
        return len(part)

    def taken(self) -> bytes:
        parts, self._parts = self._parts, []
        return b"".join(parts)


def _archive(actor: Actor, batch: Batch, *, include_private: bool) -> Iterator[bytes]:
    pipe, report = _Pipe(), io.StringIO()
    table = csv.writer(report)
    table.writerow(_COLUMNS)
    with zipfile.ZipFile(pipe, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as made:
        for rows in _chunks(batch):
            versions = _versions(actor, rows)
            bundles = _bundles(actor, versions, include_private=include_private)
            for version in versions.values():
                _add(made, version.certificate.identifier, bundles[version.certificate_id])
            table.writerows(_told(row, versions.get(row.certificate_id or 0)) for row in rows)
            yield pipe.taken()
        made.writestr(_entry(REPORT, 0o644), report.getvalue())
    yield pipe.taken()


def _chunks(batch: Batch) -> Iterator[list[BatchRow]]:
    last = 0
    while rows := list(batch.rows.filter(number__gt=last).order_by("number")[:CHUNK]):
        last = rows[-1].number
        yield rows


def _versions(actor: Actor, rows: Sequence[BatchRow]) -> dict[int, ClientVersion]:
    """The current version of each row's certificate that the actor may download."""
    ids = [row.certificate_id for row in rows if row.certificate_id is not None]
    mine = policy.visible(actor, ClientCertificate.objects.filter(pk__in=ids), Verb.DOWNLOAD)
    found = ClientVersion.objects.select_related(
        "certificate", "storage_target", "entry__key"
    ).filter(certificate__in=mine.values("pk"), certificate__current_version=F("pk"))
    keys: dict[UUID, AuthorityKey] = {}
    for version in found:
        if version.entry is not None:
            # One object for all, so that the way up to the root is walked once.
            version.entry.key = keys.setdefault(version.entry.key_id, version.entry.key)
    return {version.certificate_id: version for version in found}


def _bundles(
    actor: Actor, versions: dict[int, ClientVersion], *, include_private: bool
) -> dict[int, Bundle]:
    found = {pk: _without_key(version) for pk, version in versions.items()}
    if not include_private:
        return found
    # Rules can come, and certificates can move below them, while the archive is sent.
    rows = ClientCertificate.objects.filter(pk__in=versions).exclude(_under_rule())
    allowed = policy.visible(actor, rows, Verb.EXPORT_KEY).values_list("pk", flat=True)
    wanted = [versions[pk] for pk in allowed if versions[pk].has_private_key]
    with transaction.atomic():
        record_many([(v.certificate, "key.exported", {"version": v.number}) for v in wanted])
    for target in {version.storage_target for version in wanted}:
        here = [version for version in wanted if version.storage_target == target]
        refs = {storing.ref_of(version.certificate): version for version in here}
        asked = [(ref, version.fingerprint) for ref, version in refs.items()]
        for ref, bundle in storage.load_many(target, asked).items():
            found[refs[ref].certificate_id] = bundle
    return found


def _without_key(version: ClientVersion) -> Bundle:
    cert, chain = storing.files_of(version)
    return Bundle(cert=cert, chain=chain, privkey=None, csr=version.certificate.csr)


def _add(made: zipfile.ZipFile, folder: str, bundle: Bundle) -> None:
    for name, text in files(bundle, include_private=True).items():
        mode = 0o600 if name == "privkey.pem" else 0o644
        made.writestr(_entry(f"{folder}/{name}", mode), text)


def _entry(name: str, mode: int) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(name, _ZIP_EPOCH)
    entry.compress_type = zipfile.ZIP_DEFLATED
    entry.create_system, entry.external_attr = 3, (0o100000 | mode) << 16
    return entry


def _told(row: BatchRow, version: ClientVersion | None) -> list[str]:
    serial = version.serial if version else ""
    ends = version.not_after.isoformat() if version else ""
    state = str(RowState(row.state).value)
    cells = [str(row.number), row.identifier, state, serial, ends]
    # A cell that begins like a formula is one to a spreadsheet (CWE-1236).
    detail = row.error_detail
    shown = f"'{detail}" if detail.startswith(("=", "+", "-", "@")) else detail
    return [*cells, row.error_code, shown, row.error_field]


def _under_rule() -> Q:
    """The certificates whose keys leave with approval only; one query, however many they are."""
    kind = ContentType.objects.get_for_model(ClientCertificate)
    rules = ApprovalRule.objects.filter(Q(kind=None) | Q(kind=kind), verb=Verb.EXPORT_KEY)
    places = [("pk", kind)]
    for field, container in grants.containers(ClientCertificate).items():
        places.append((f"{field}_id", ContentType.objects.get_for_model(container)))
    found = Q(pk__in=())
    for rule in rules.filter(is_enabled=True):
        if rule.target_type_id is None:
            return ~Q(pk__in=())
        for field, place in places:
            if place.pk == rule.target_type_id:
                found |= Q(**{field: rule.target_pk})
    return found


def _require_no_rule(actor: Actor, batch: Batch) -> None:
    sample = ClientCertificate(
        team=batch.team, authority=batch.authority, storage_target=batch.storage_target
    )
    # Each may have moved to where another rule is.
    made = ClientCertificate.objects.filter(
        _under_rule(),
        pk__in=batch.rows.exclude(certificate=None).values("certificate"),
        current_version__has_private_key=True,
    )
    mine = policy.visible(actor, made, Verb.EXPORT_KEY)
    if approvals.is_needed(Verb.EXPORT_KEY, sample) or mine.exists():
        raise Conflict(
            "A rule asks for approval of each key that leaves; take them one by one.",
            code="batch.keys_need_approval",
        )
