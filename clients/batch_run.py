"""One worker's work on a batch: rows in chunks, a key made and a certificate signed for each.

One process makes keys and drafts and signs, this one writes what comes of it; both are busy at the
same time. A row is issued in the transaction that says so, so a batch that is killed anywhere goes
on where it stopped. One row that is refused stops no other.
"""

import logging
import uuid
from collections.abc import Iterator, Mapping, Sequence, Set
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypeVar

from django.db import connection, transaction
from django.db.models import F

from certmate.access import policy
from certmate.access.requesters import require_still
from certmate.access.verbs import Verb
from certmate.audit.services import record
from certmate.core import claims, clock
from certmate.core.bulk import new
from certmate.core.crew import Crew, crew_for
from certmate.core.errors import Conflict
from certmate.core.stopping import is_stopping
from certmate.pki.alt_names import AltNames
from certmate.pki.keys import KeyType
from certmate.pki.requests import parse_request
from clients import issuing
from clients.choices import BatchState, Method, RowState
from clients.issuing import Issue
from clients.models import Batch, BatchRow, ClientCertificate, ClientVersion, Identity
from clients.services.batches import needs_approval
from providers import issuers
from providers.authority.building import Drafted, IssuingKey, Leaf
from providers.authority.bulk import Asked, Outcome, draft_all, finish_all
from providers.models import Authority, AuthorityKey, LedgerEntry, Profile
from providers.services import key_holders, ledger, signing

logger = logging.getLogger(__name__)

T = TypeVar("T")

LEASE = timedelta(minutes=2)
CHUNK = 500
SLOW_CHUNK = 20
"""An RSA key takes up to a second."""

ROUNDS = 3


@dataclass
class _Chunk:
    """Rows on their way: drafts, then the ledger's lines, then signatures."""

    rows: list[BatchRow]
    outcomes: "Future[list[Outcome]]"
    entries: list[LedgerEntry]
    certificates: "Future[list[bytes]] | None" = None

    def drafted(self) -> list[tuple[BatchRow, Drafted, str | None]]:
        """The rows that can be signed, each with its draft and key, once all are drafted."""
        return [
            (row, outcome.drafted, outcome.private_key)
            for row, outcome in zip(self.rows, self.outcomes.result(), strict=True)
            if outcome.drafted is not None
        ]


class Run:
    """One worker's work on a batch, under its lease."""

    def __init__(self, batch: Batch, token: uuid.UUID) -> None:
        self.batch, self.token, self.rounds = batch, token, 0
        self.rules = batch.profile.rules
        self.key: AuthorityKey
        self.own: IssuingKey

    def carry_out(self) -> None:
        """While one chunk is drafted, the one before it is written down or signed or kept."""
        self.key = self._present_key()
        self.own = signing.issuing(self.key)
        left = BatchRow.objects.filter(batch=self.batch, state=RowState.QUEUED).count()
        with crew_for(left) as crew:
            before: _Chunk | None = None
            chunks = self._chunks(crew)
            chunk = next(chunks, None)
            while chunk is not None and not is_stopping():
                following = next(chunks, None)
                try:
                    self._record(crew, chunk)
                finally:
                    if before is not None:
                        self._keep(before)
                before, chunk = chunk, following
            if before is not None:
                self._keep(before)
        if is_stopping():
            self._leave()
        else:
            self._finish()

    def _chunks(self, crew: Crew) -> Iterator[_Chunk]:
        last = 0
        while True:
            rows = BatchRow.objects.filter(batch=self.batch, state=RowState.QUEUED, number__gt=last)
            chunk = list(rows.order_by("number")[:CHUNK])
            if not chunk:
                return
            if any(row.wish.get("key_type", "").startswith("rsa") for row in chunk):
                chunk = chunk[:SLOW_CHUNK]
            last = chunk[-1].number
            asked = [_asked(row) for row in chunk]
            outcomes = crew.submit(draft_all, self.own, self.rules, asked, clock.now())
            yield _Chunk(chunk, outcomes, [])

    def _record(self, crew: Crew, chunk: _Chunk) -> None:
        self._await(chunk.outcomes)
        self._require_still()
        if self._present_key() != self.key:
            # Its key was rotated: what is left is drafted anew.
            chunk.rows, chunk.outcomes = [], _done([])
            return
        self._refuse(chunk)
        ready = chunk.drafted()
        if not ready:
            return
        # A key store that is away must not fill the ledger with what is never signed.
        signing.require_opens(self.key, "")
        self._extend_lease()
        drafts = [drafted for _, drafted, _ in ready]
        holders = [issuing.holder(row.identifier) for row, _, _ in ready]
        chunk.entries = ledger.record(self.key, drafts, holders, profile=self.batch.profile.name)
        frames = [drafted.frame for drafted in drafts]
        chunk.certificates = crew.submit(
            finish_all, self.key.custody, self.key.private_key, self.own, frames
        )

    def _refuse(self, chunk: _Chunk) -> None:
        """Note what cannot be issued, and leave it out of the chunk."""
        outcomes = chunk.outcomes.result()
        names = [row.identifier for row in chunk.rows]
        taken = ClientCertificate.objects.filter(identifier__in=names)
        taken_names = set(taken.values_list("identifier", flat=True))
        bad_keys = _bad_keys(chunk.rows, outcomes, taken_names)
        kept_rows, kept_outcomes, refused = [], [], []
        for row, outcome in zip(chunk.rows, outcomes, strict=True):
            refusal = outcome.refusal
            if row.identifier in taken_names:
                refusal = ("client.exists", "The identifier was taken meanwhile.", "identifier")
            elif row.pk in bad_keys:
                error = bad_keys[row.pk]
                refusal = (error.code, error.detail, "csr")
            if refusal is None:
                kept_rows.append(row)
                kept_outcomes.append(outcome)
                continue
            row.state = RowState.FAILED
            row.error_code, row.error_detail, row.error_field = refusal
            row.error_detail = row.error_detail[:500]
            refused.append(row)
        chunk.rows, chunk.outcomes = kept_rows, _done(kept_outcomes)
        if refused:
            with transaction.atomic():
                fields = ["state", "error_code", "error_detail", "error_field"]
                BatchRow.objects.bulk_update(refused, fields, batch_size=200)
                self._count(failed=len(refused))

    def _keep(self, chunk: _Chunk) -> None:
        if chunk.certificates is None:
            return
        ready = chunk.drafted()
        certificates = self._await(chunk.certificates)
        drafts = [drafted for _, drafted, _ in ready]
        signed = issuers.as_signed(self.key, drafts, chunk.entries, certificates)
        holders = _identities([row for row, _, _ in ready])
        issues = [
            Issue(self._certificate(row, holders), drafted, private_key)
            for row, drafted, private_key in ready
        ]
        rows = [row for row, _, _ in ready]

        def settle(versions: Sequence[ClientVersion]) -> None:
            _issued(rows, issues)
            self._count(issued=len(rows))

        try:
            issuing.keep(self.batch.profile, issues, signed, also=settle)
        except Conflict as error:
            # Somebody took an identifier between look and insert: the next round leaves it out.
            if self.rounds >= ROUNDS:
                raise
            logger.warning("%s: %s", self.batch, error.detail)

    def _certificate(self, row: BatchRow, holders: Mapping[int, Identity]) -> ClientCertificate:
        batch, wish = self.batch, row.wish
        csr = wish.get("csr", "")
        identity = holders.get(wish.get("identity", 0))
        return new(
            ClientCertificate,
            identifier=row.identifier,
            identity=identity,
            authority=batch.authority,
            profile=batch.profile,
            storage_target=batch.storage_target,
            team=batch.team,
            certificate_type=batch.profile.certificate_type,
            method=Method.CSR if csr else Method.DIRECT,
            subject=wish.get("subject", {}),
            alt_names=wish.get("san", {}),
            key_type=wish.get("key_type", ""),
            validity_days=wish.get("validity_days"),
            csr=csr,
            auto_renew=batch.auto_renew,
            tags=[*batch.tags, *wish.get("tags", [])],
            notes=wish.get("notes", ""),
            created_by_id=batch.requested_by_id,
        )

    def _count(self, **added: int) -> None:
        """In the transaction of what is counted, under the lease."""
        counts = {name: F(name) + number for name, number in added.items()}
        expires = clock.now() + LEASE
        claims.fenced(Batch, self.batch.pk, self.token, lease_expires_at=expires, **counts)

    def _present_key(self) -> AuthorityKey:
        """The key that signs now. Raises Conflict if none does, such as after a disabling."""
        return signing.signing_key(Authority.objects.get(pk=self.batch.authority_id))

    def _await(self, future: "Future[T]") -> T:
        """The result, under the lease for as long as it takes."""
        while True:
            self._extend_lease()
            try:
                return future.result(timeout=LEASE.total_seconds() / 3)
            except TimeoutError:
                if future.done():
                    raise

    def _extend_lease(self) -> None:
        """Raises LeaseLost if another worker has it."""
        claims.fenced(Batch, self.batch.pk, self.token, lease_expires_at=clock.now() + LEASE)

    def _require_still(self) -> None:
        """Raise AccessDenied (`access.withdrawn`) if whoever asked may not do so any more, and
        InvalidRequest if each certificate has to be approved of since.
        """
        batch = self.batch
        if Profile.objects.filter(pk=batch.profile_id, needs_approval=True).exists():
            raise needs_approval(batch.profile)
        sample = ClientCertificate(
            team=batch.team, authority=batch.authority, storage_target=batch.storage_target
        )
        asked = ((Verb.REQUEST, sample), (Verb.VIEW, batch.authority))
        require_still(batch, lambda actor: all(policy.allowed(actor, *one) for one in asked))

    def _leave(self) -> None:
        """Put the batch back, so that another worker need not wait for the lease to end."""
        free = {"lease_token": None, "lease_expires_at": None}
        claims.fenced(Batch, self.batch.pk, self.token, state=BatchState.QUEUED, **free)

    def _finish(self) -> None:
        if BatchRow.objects.filter(batch=self.batch, state=RowState.QUEUED).exists():
            # An identifier was taken at the last moment: once more, without it.
            self.rounds += 1
            self.carry_out()
            return
        with transaction.atomic():
            claims.fenced(
                Batch,
                self.batch.pk,
                self.token,
                state=BatchState.DONE,
                finished_at=clock.now(),
                lease_token=None,
                lease_expires_at=None,
            )
            self.batch.refresh_from_db(fields=["issued", "repeated", "failed"])
            counts = {name: getattr(self.batch, name) for name in ("issued", "repeated", "failed")}
            record(self.batch, "batch.done", **counts)


def _asked(row: BatchRow) -> Asked:
    wish = row.wish
    names = AltNames(**{kind: tuple(names) for kind, names in wish.get("san", {}).items()})
    subject: dict[str, str] = wish.get("subject", {})
    days = wish.get("validity_days")
    csr = wish.get("csr", "")
    leaf = Leaf(
        subject=subject,
        alt_names=names,
        spki=parse_request(csr).spki if csr else b"",
        values={"identifier": row.identifier, "common_name": subject.get("CN", "")},
        validity=timedelta(days=days) if days else None,
    )
    return Asked(leaf, None if csr else KeyType(wish["key_type"]))


def _bad_keys(
    rows: Sequence[BatchRow], outcomes: Sequence[Outcome], taken: Set[str]
) -> dict[int, Conflict]:
    """Why the keys that were brought for rows are refused, by row; those made here are nobody's."""
    brought = {
        row.pk: (one.drafted.public_key_hash, issuing.holder(row.identifier))
        for row, one in zip(rows, outcomes, strict=True)
        if one.drafted is not None and one.private_key is None and row.identifier not in taken
    }
    refused = key_holders.refusals(brought.values())
    return {pk: refused[pair] for pk, pair in brought.items() if pair in refused}


def _done(outcomes: list[Outcome]) -> "Future[list[Outcome]]":
    future: Future[list[Outcome]] = Future()
    future.set_result(outcomes)
    return future


def _identities(rows: Sequence[BatchRow]) -> dict[int, Identity]:
    wanted = {row.wish["identity"] for row in rows if row.wish.get("identity")}
    return {one.pk: one for one in Identity.objects.filter(pk__in=wanted)} if wanted else {}


def _issued(rows: Sequence[BatchRow], issues: Sequence[Issue]) -> None:
    """One statement for all, where the ORM would write one with a case for each."""
    table = BatchRow._meta.db_table
    statement = f"UPDATE {table} SET state = %s, certificate_id = %s WHERE id = %s"  # noqa: S608
    values: list[tuple[Any, ...]] = [
        (RowState.ISSUED, one.certificate.pk, row.pk) for row, one in zip(rows, issues, strict=True)
    ]
    with connection.cursor() as cursor:
        cursor.executemany(statement, values)
