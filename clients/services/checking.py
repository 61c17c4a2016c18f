"""The rows of a batch, all of them checked before one is issued."""

import hashlib
import json
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from certmate.access import policy
from certmate.access.actors import Actor
from certmate.access.services import approvals
from certmate.access.verbs import Verb
from certmate.core.errors import CertMateError, InvalidRequest, invalid_input
from certmate.core.texts import is_storable
from certmate.pki.names import shown
from clients.choices import OPEN_BATCHES, BatchState, RowState
from clients.models import BatchRow, ClientCertificate, Identity
from clients.services.rows import FIELDS, TEXTS, Row
from clients.services.wishes import ClientWish, Frame, prepare_in, unlike
from providers.authority.building import check_asked
from providers.services import signing

UNENDED = (BatchState.LOADING, *OPEN_BATCHES)
MOST_SHOWN = 100
_CHUNK = 500
_LONGEST = {"key": 100, "identity": 200, "notes": 10_000}


class BatchInvalid(InvalidRequest):
    """Rows that break a rule: `rows` has field and message by number, as many as are shown;
    `count` is how many there are.
    """

    default_code = "batch.invalid"

    def __init__(self, rows: dict[int, tuple[str, str]], count: int) -> None:
        super().__init__(f"{count} of the rows cannot be issued; nothing was.", field="rows")
        self.rows, self.count = rows, count


@dataclass
class Checker:
    """Checks the rows of one batch and makes them into what is stored of it.

    `sha256` says what exactly was asked for, for those who approve of it: the same for the same
    file, whatever was issued meanwhile.
    """

    actor: Actor
    frame: Frame
    errors: dict[int, tuple[str, str]] = field(default_factory=dict)
    count: int = 0
    sha256: str = ""

    def check(self, rows: Iterable[tuple[int, Row]]) -> list[BatchRow]:
        """All rows, ready to be inserted. Raises BatchInvalid with what is wrong with which."""
        key = signing.issuing(signing.signing_key(self.frame.authority))
        profile = self.frame.profile.rules
        ruled = approvals.aimed_at(Verb.REQUEST, Identity, kind=ClientCertificate)
        found: list[BatchRow] = []
        for chunk in _chunks(rows):
            identities = self._identities(chunk)
            for number, row in chunk:
                try:
                    with invalid_input(""):
                        wish = _wish(row)
                        holder = _holder(identities, wish.identity)
                        _require_no_rule(ruled, holder)
                        prepared = prepare_in(self.frame, wish, identity=holder, actor=self.actor)
                        check_asked(key, profile, prepared.leaf())
                    found.append(_stored(number, row, prepared.certificate))
                except CertMateError as error:
                    self._refuse(number, error.field, error.detail)
        self.sha256 = _digest(found)
        self._recognise(found)
        self._take_names([row for row in found if row.state == RowState.QUEUED])
        if self.count:
            raise BatchInvalid(self.errors, self.count)
        if not found:
            raise InvalidRequest("There is no row.", code="batch.empty", field="rows")
        return found

    def _identities(self, chunk: list[tuple[int, Row]]) -> Mapping[str, Identity]:
        # Not a set: what is no text may be no key of one.
        names = [row.get("identity") for _, row in chunk]
        asked = [name for name in names if isinstance(name, str) and name and is_storable(name)]
        if not asked:
            return {}
        rows = Identity.objects.select_related("team").filter(name__in=asked)
        return {identity.name: identity for identity in policy.visible(self.actor, rows)}

    def _recognise(self, found: list[BatchRow]) -> None:
        """A row whose key the same person has used is the certificate that came of it."""
        owner = self.actor.user
        seen: dict[str, int] = {}
        for row in found:
            if row.key is not None and row.key in seen:
                self._refuse(row.number, "key", f"Row {seen[row.key]} has the same key.")
            elif row.key is not None:
                seen[row.key] = row.number
        if owner is None:
            return
        for chunk in _chunks(row for row in found if row.key is not None):
            before = BatchRow.objects.filter(owner=owner.pk, key__in=[row.key for row in chunk])
            issued = dict(before.exclude(certificate=None).values_list("key", "certificate_id"))
            # A token may see less than its owner, and who lost a right less than before.
            rows = ClientCertificate.objects.filter(pk__in=issued.values())
            seen_here = set(policy.visible(self.actor, rows).values_list("pk", flat=True))
            open_ = before.filter(batch__state__in=UNENDED, state=RowState.QUEUED)
            under_way = set(open_.values_list("key", flat=True))
            for row in chunk:
                if row.key in issued and issued[row.key] not in seen_here:
                    self._refuse(
                        row.number, "key", "It stands for a certificate that is not shown."
                    )
                elif row.key in issued:
                    row.state, row.certificate_id, row.key = (
                        RowState.REPEATED,
                        issued[row.key],
                        None,
                    )
                elif row.key in under_way:
                    self._refuse(row.number, "key", "Another batch is issuing the row of this key.")

    def _take_names(self, found: list[BatchRow]) -> None:
        """Each row an identifier that nobody has; one that was not given makes room."""
        seen: dict[str, int] = {}
        for chunk in _chunks(found):
            names = [row.identifier for row in chunk]
            rows = ClientCertificate.objects.filter(identifier__in=names)
            taken = set(rows.values_list("identifier", flat=True))
            for row in chunk:
                if row.identifier in taken or row.identifier in seen:
                    self._give_way(row, seen)
                seen[row.identifier] = row.number

    def _give_way(self, row: BatchRow, seen: Mapping[str, int]) -> None:
        if not row.wish.pop("named", False):
            row.identifier = unlike(row.identifier)
        elif row.identifier in seen:
            same = seen[row.identifier]
            self._refuse(row.number, "identifier", f"Row {same} has the same identifier.")
        else:
            self._refuse(row.number, "identifier", "This identifier cannot be used here.")

    def _refuse(self, number: int, name: str, message: str) -> None:
        self.count += 1
        if len(self.errors) < MOST_SHOWN:
            self.errors[number] = (name, message)


def _chunks(items: Iterable[Any]) -> Iterator[list[Any]]:
    iterator = iter(items)
    while chunk := list(islice(iterator, _CHUNK)):
        yield chunk


def _wish(row: Row) -> ClientWish:
    unknown = [name for name in row if name not in FIELDS]
    if unknown:
        name = shown(str(unknown[0])[:40])
        raise InvalidRequest("There is no such field.", code="batch.field", field=name)
    for name in TEXTS:
        _require(isinstance(row.get(name, ""), str), name, "A text.")
        longest = _LONGEST.get(name)
        _require(longest is None or len(row.get(name, "")) <= longest, name, "It is too long.")
        _require(is_storable(row.get(name, "")), name, "It has a character that no text has.")
    days = row.get("validity_days")
    is_days = days is None or (isinstance(days, int) and not isinstance(days, bool) and days > 0)
    _require(is_days, "validity_days", "A whole number of days.")
    _require(_is_texts(row.get("tags", [])), "tags", "A list of texts.")
    subject, san = row.get("subject", {}), row.get("san", {})
    _require(isinstance(subject, dict), "subject", "An object.")
    is_names = isinstance(san, dict) and all(_is_texts(names) for names in san.values())
    _require(is_names, "san", "An object of lists of texts.")
    values = {name: row[name] for name in FIELDS if name in row and name != "key"}
    return ClientWish(**values)


def _digest(rows: Iterable[BatchRow]) -> str:
    digest = hashlib.sha256()
    for row in rows:
        told = [row.number, row.identifier, row.key, row.wish]
        digest.update(json.dumps(told, sort_keys=True).encode())
    return digest.hexdigest()


def _require(holds: bool, name: str, message: str) -> None:
    if not holds:
        raise InvalidRequest(message, code="batch.field", field=name)


def _is_texts(value: object) -> bool:
    return isinstance(value, list | tuple) and all(isinstance(text, str) for text in value)


def _holder(identities: Mapping[str, Identity], name: str) -> Identity | None:
    if not name:
        return None
    if name not in identities:
        raise InvalidRequest(
            f"There is no identity {name!r} that you may see.",
            code="identity.unknown",
            field="identity",
        )
    return identities[name]


def _require_no_rule(ruled: Collection[str], holder: Identity | None) -> None:
    """The approval of a batch is about what its rows have in common, not about their holders."""
    if holder is not None and str(holder.pk) in ruled:
        raise InvalidRequest(
            f"A rule asks for approval of certificates for {holder}; ask for them one by one.",
            code="batch.needs_approval",
            field="identity",
        )


def _stored(number: int, row: Row, certificate: ClientCertificate) -> BatchRow:
    """Everything in its one form already, so that issuing need not parse it once more."""
    wish = {
        "subject": certificate.subject,
        "san": certificate.alt_names,
        "key_type": certificate.key_type,
        "validity_days": certificate.validity_days,
        "csr": certificate.csr,
        "identity": certificate.identity_id,
        "tags": certificate.tags,
        "notes": certificate.notes,
        "named": bool(row.get("identifier")),
    }
    return BatchRow(
        number=number,
        key=row.get("key") or None,
        identifier=certificate.identifier,
        wish={name: value for name, value in wish.items() if value},
        state=RowState.QUEUED,
    )
