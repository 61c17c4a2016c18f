"""A backend over any place that keeps named documents, whatever its vendor.

    server/<name>                            the current version, whole
    versions/server/<name>/<fingerprint>     a version that is not current, or has been before
    parts/server/<name>/…                    pieces of a document that was too long for the place

The current version is one document, so that a reader gets all of it or the one before. A new
version is written over it after that has been kept under its own name; where a place cannot refuse
a write that somebody else has overtaken, the new one is kept under its own name first as well, so
that of two writers none loses his version.
"""

import base64
import hashlib
import secrets
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from itertools import chain, islice
from typing import Protocol

from certmate.core.errors import CertMateError, Conflict, IntegrityFault, InvalidRequest
from certmate.pki.bundle import Bundle
from certmate.pki.names import object_name
from storage.backends.base import KINDS, BundleRef, is_fingerprint, require_same, unknown
from storage.backends.documents import Document, decode, encode, fingerprint_of, from_text, to_text
from storage.backends.failures import attempt, damaged, unavailable

_TRIES = 8
_ENVELOPE = 200
"""Bytes that a piece takes beside its text."""


@dataclass(frozen=True)
class Found:
    """A document as it is now; `revision` is what the place knows this state of it by."""

    document: Document
    revision: str = ""


class Shelf(Protocol):
    """One vendor's place. `folder` is one of the above, without a slash at its end.

    Errors are those of `storage.backends.failures`. `creates` and `replaces` say whether the place
    refuses a write that somebody else was faster with, `lists_at_once` whether what was written is
    listed from then on. `limit` is the longest document in bytes.
    """

    creates: bool
    replaces: bool
    lists_at_once: bool
    limit: int | None

    def read(self, folder: str, name: str) -> Found | None: ...

    def create(self, folder: str, name: str, document: Document) -> bool:
        """Write what is not there; False if it is."""
        ...

    def replace(self, folder: str, name: str, document: Document, revision: str) -> bool:
        """Write over what is there; False if that is no longer of this revision."""
        ...

    def remove(self, folder: str, name: str) -> None:
        """Remove it for good, with what the place itself keeps of it, if it is there."""
        ...

    def forget(self, folder: str, name: str) -> None:
        """Remove what the place itself keeps of earlier states."""
        ...

    def names(self, folder: str) -> Iterator[str]:
        """The documents of the folder, one by one; of "" those beside all folders."""
        ...

    def legacy(self) -> Iterator[str]:
        """The domains that CertMate 2.x has left documents of."""
        ...

    def read_legacy(self, domain: str) -> Document | None:
        """What it has left of the domain, as one document."""
        ...


class SameShape:
    """For a shelf where CertMate 2.x kept nearly the same documents, beside the folders."""

    def legacy(self: Shelf) -> Iterator[str]:
        return self.names("")

    def read_legacy(self: Shelf, domain: str) -> Document | None:
        found = self.read("", domain)
        return found.document if found is not None else None


class ShelfBackend:
    """A `Backend` over a shelf."""

    def __init__(self, shelf: Shelf) -> None:
        self._shelf = shelf

    def put(self, ref: BundleRef, bundle: Bundle) -> None:
        kind, name = ref.path.split("/")
        fingerprint = bundle.fingerprint
        document = self._fitted(ref, encode(bundle, fingerprint))
        if not self._shelf.creates:
            document = self._keep(ref, bundle, document)
        for _ in range(_TRIES):
            if attempt(partial(self._shelf.create, kind, name, document)):
                return
            found = attempt(partial(self._shelf.read, kind, name))
            if found is not None and self._supersede(ref, bundle, document, found):
                return
        raise unavailable("Storing", "other writers kept changing the same bundle")

    def _supersede(self, ref: BundleRef, bundle: Bundle, document: Document, found: Found) -> bool:
        """Make the version current in the place of what was found; False if that has changed."""
        kind, name = ref.path.split("/")
        try:
            current = self._bundle(ref, found.document)
        except IntegrityFault:
            # Damaged by somebody: what is there makes room for what should be.
            return attempt(partial(self._shelf.replace, kind, name, document, found.revision))
        if current.fingerprint == bundle.fingerprint:
            require_same(current, bundle)
            return True
        self._keep(ref, current, found.document)
        if self._shelf.replaces:
            kept = self._kept(ref, bundle.fingerprint)
            if kept is not None:
                require_same(self._bundle(ref, kept, bundle.fingerprint), bundle)
                document = kept
        else:
            document = self._keep(ref, bundle, document)
        # For who deletes the bundle before a listing tells of all its versions.
        earlier = {*_earlier(found.document), current.fingerprint}
        document = {**document, "earlier": sorted(earlier)}
        return attempt(partial(self._shelf.replace, kind, name, document, found.revision))

    def get(self, ref: BundleRef, fingerprint: str | None = None) -> Bundle:
        kind, name = ref.path.split("/")
        if fingerprint is not None and not is_fingerprint(fingerprint):
            raise unknown(ref)
        found = attempt(partial(self._shelf.read, kind, name))
        if found is not None and fingerprint in (None, fingerprint_of(found.document)):
            return self._bundle(ref, found.document, fingerprint_of(found.document))
        # What is no longer current was kept before it was superseded, so it cannot be missed.
        kept = self._kept(ref, fingerprint) if fingerprint is not None else None
        if kept is None or fingerprint is None:
            raise unknown(ref)
        return self._bundle(ref, kept, fingerprint)

    def versions(self, ref: BundleRef) -> list[str]:
        kind, name = ref.path.split("/")
        kept = self._earlier(ref)
        found = attempt(partial(self._shelf.read, kind, name))
        current = fingerprint_of(found.document) if found is not None else ""
        return [*(kept | {current} if is_fingerprint(current) else kept)]

    def delete(self, ref: BundleRef, fingerprint: str | None = None) -> None:
        kind, name = ref.path.split("/")
        if fingerprint is None:
            # The current one last: as long as anything is left, the bundle is listed.
            found = attempt(partial(self._shelf.read, kind, name))
            current = found.document if found is not None else {}
            known = {*_earlier(current), fingerprint_of(current)} - {""}
            for version in self._earlier(ref) | known:
                self._remove_version(ref, version)
            for part in {*attempt(partial(self._names, f"parts/{ref.path}")), *_parts(current)}:
                self._remove(f"parts/{ref.path}", part)
            self._remove(kind, name)
        elif is_fingerprint(fingerprint):
            self._delete_version(ref, fingerprint)

    def _delete_version(self, ref: BundleRef, fingerprint: str) -> None:
        kind, name = ref.path.split("/")
        found = attempt(partial(self._shelf.read, kind, name))
        if found is not None and fingerprint_of(found.document) == fingerprint:
            raise Conflict(
                "The current version cannot be deleted alone; make another one current first.",
                code="storage.current_version",
            )
        self._remove_version(ref, fingerprint)
        attempt(partial(self._shelf.forget, kind, name))

    def _remove_version(self, ref: BundleRef, fingerprint: str) -> None:
        for part in _parts(self._kept(ref, fingerprint) or {}):
            self._remove(f"parts/{ref.path}", part)
        self._remove(f"versions/{ref.path}", fingerprint)

    def _earlier(self, ref: BundleRef) -> set[str]:
        """The versions under names of their own."""
        return {
            name
            for name in attempt(partial(self._names, f"versions/{ref.path}"))
            if is_fingerprint(name)
        }

    def list(self) -> Iterator[BundleRef]:
        for kind in KINDS:
            for name in attempt(partial(_begun, partial(self._shelf.names, kind))):
                try:
                    ref = BundleRef(kind, object_name(name))
                except InvalidRequest:
                    continue
                if ref.path == f"{kind}/{name}":
                    yield ref

    def legacy(self) -> Iterator[str]:
        names = attempt(partial(_begun, self._shelf.legacy))
        return (name for name in names if _is_name(name))

    def get_legacy(self, domain: str) -> Bundle:
        ref = BundleRef("server", domain)
        document = attempt(partial(self._shelf.read_legacy, domain))
        if document is None:
            raise unknown(ref)
        return decode(document)

    def probe(self) -> None:
        name = secrets.token_hex(8)
        try:
            self._try_out(name)
        except CertMateError:
            # Whatever was written; what failed first is told.
            with suppress(CertMateError):
                self._remove("probe", name)
            raise
        self._remove("probe", name)

    def _try_out(self, name: str) -> None:
        for step in (self._shelf.create, self._overwrite):
            written: Document = {"probe": secrets.token_hex(32)}
            attempt(partial(step, "probe", name, written))
            found = attempt(partial(self._shelf.read, "probe", name))
            if found is None or found.document != written:
                raise unavailable("Comparing", "what was read is not what was written")
        listed = attempt(partial(self._names, "probe"))
        if self._shelf.lists_at_once and name not in listed:
            raise unavailable("Listing", "what was written is not there")

    def _overwrite(self, folder: str, name: str, document: Document) -> bool:
        found = self._shelf.read(folder, name)
        return found is not None and self._shelf.replace(folder, name, document, found.revision)

    def _keep(self, ref: BundleRef, bundle: Bundle, document: Document) -> Document:
        """Have the version under its own name; what is there already stays, and is returned."""
        folder, fingerprint = f"versions/{ref.path}", bundle.fingerprint
        if attempt(partial(self._shelf.create, folder, fingerprint, document)):
            return document
        found = self._kept(ref, fingerprint)
        if found is None:
            return document
        require_same(self._bundle(ref, found, fingerprint), bundle)
        return found

    def _kept(self, ref: BundleRef, fingerprint: str) -> Document | None:
        found = attempt(partial(self._shelf.read, f"versions/{ref.path}", fingerprint))
        return found.document if found is not None else None

    def _names(self, folder: str) -> Sequence[str]:
        return list(self._shelf.names(folder))

    def _remove(self, folder: str, name: str) -> None:
        attempt(partial(self._shelf.remove, folder, name))

    def _fitted(self, ref: BundleRef, document: Document) -> Document:
        """The document, or one that names the pieces of it, which are written first."""
        limit, text = self._shelf.limit, to_text(document).encode()
        if limit is None or len(text) <= limit:
            return document
        digest, size = hashlib.sha256(text).hexdigest(), limit - _ENVELOPE
        # In base64, whose length is known whatever is in it.
        encoded = base64.b64encode(text).decode()
        pieces = {
            f"{digest[:32]}-{start // size}": encoded[start : start + size]
            for start in range(0, len(encoded), size)
        }
        for name, piece in pieces.items():
            attempt(partial(self._shelf.create, f"parts/{ref.path}", name, {"part": piece}))
        return {"parts": list(pieces), "digest": digest, "fingerprint": fingerprint_of(document)}

    def _bundle(self, ref: BundleRef, document: Document, fingerprint: str = "") -> Bundle:
        if "parts" in document:
            document = self._joined(ref, document)
        return decode(document, fingerprint)

    def _joined(self, ref: BundleRef, head: Document) -> Document:
        encoded = ""
        for name in _parts(head):
            found = attempt(partial(self._shelf.read, f"parts/{ref.path}", str(name)))
            if found is None:
                # Somebody has just deleted the bundle.
                raise unknown(ref)
            encoded += str(found.document.get("part"))
        try:
            text = base64.b64decode(encoded, validate=True)
        except ValueError:
            raise damaged("A piece of what is stored is altered.") from None
        if hashlib.sha256(text).hexdigest() != head.get("digest"):
            raise damaged("A piece of what is stored is altered.")
        return from_text(text.decode())


def _begun(listed: Callable[[], Iterator[str]]) -> Iterator[str]:
    """Names of which the first is there: until then nothing was told that a second attempt would
    tell again.
    """
    names = listed()
    first = list(islice(names, 1))
    return chain(first, names)


def _is_name(text: str) -> bool:
    """Whether a bundle can have this name."""
    try:
        BundleRef("server", text)
    except InvalidRequest:
        return False
    return True


def _earlier(document: Document) -> Sequence[str]:
    found = document.get("earlier", ())
    return [str(one) for one in found] if isinstance(found, list) else ()


def _parts(document: Document) -> Sequence[str]:
    found = document.get("parts", ())
    return [str(part) for part in found] if isinstance(found, list) else ()
