"""The directory of one bundle: its versions, each a directory of files, and which one is current.

    versions/<fingerprint>/{cert,chain,fullchain,privkey,csr}.pem metadata.json
    current -> versions/<fingerprint>
    cert.pem -> current/cert.pem, and so on for the others

A version is built beside its place and renamed into it whole, and one rename of `current` switches
all files together, as Kubernetes does in mounted secrets. Everything here takes an open directory
(`home`), and whoever writes keeps other writers out.
"""

import errno
import json
import os
from contextlib import suppress

from certmate.core.errors import Conflict, IntegrityFault
from certmate.pki.bundle import Bundle
from certmate.pki.errors import PKIError
from storage.backends import filesystem, legacy
from storage.backends.base import is_fingerprint, require_same
from storage.backends.documents import decode

CURRENT = "current"
VERSIONS = "versions"
PRIVATE_KEY = "privkey.pem"
CSR = "csr.pem"
METADATA = "metadata.json"
FILES = ("cert.pem", "chain.pem", "fullchain.pem", PRIVATE_KEY, CSR, METADATA)
REQUIRED = {"cert.pem", "chain.pem", METADATA}


def add(home: int, bundle: Bundle) -> None:
    """Have the version on disk, without making it current.

    Raises Conflict if it is there with another chain or key.
    """
    filesystem.remove_leftovers(home)
    with filesystem.directory(VERSIONS, parent=home, create=True) as versions:
        filesystem.remove_leftovers(versions)
        fingerprint = bundle.fingerprint
        try:
            require_same(read(home, fingerprint), bundle)
        except (FileNotFoundError, IntegrityFault):
            # Missing, or damaged by somebody: what is there makes room for what should be.
            with suppress(FileNotFoundError):
                filesystem.move(fingerprint, filesystem.temporary_name(), parent=versions)
            _write(versions, fingerprint, bundle)
            filesystem.remove_leftovers(versions)
        # Also when it was there: whoever put it there may have died before this line.
        os.fsync(versions)


def make_current(home: int, bundle: Bundle) -> None:
    """Let readers of the directory find this version, which has been added."""
    # The files' names come first: they lead nowhere until `current` does.
    files = _contents(bundle)
    for name in files:
        filesystem.link(name, f"{CURRENT}/{name}", parent=home)
    filesystem.link(CURRENT, f"{VERSIONS}/{bundle.fingerprint}", parent=home)
    for name in {PRIVATE_KEY, CSR} - files.keys():
        filesystem.unlink(name, parent=home)
    os.fsync(home)


def current(home: int) -> str | None:
    """The fingerprint of the current version. Raises IntegrityFault if the link leads elsewhere."""
    destination = filesystem.link_destination(CURRENT, parent=home)
    if destination is None:
        return None
    folder, _, fingerprint = destination.partition("/")
    if folder != VERSIONS or not is_fingerprint(fingerprint):
        raise damaged("The current version is not one of the stored ones.")
    return fingerprint


def names(home: int) -> list[str]:
    """The fingerprints of all versions. Raises FileNotFoundError if there never was one."""
    with filesystem.directory(VERSIONS, parent=home) as versions:
        return [name for name in filesystem.names(versions) if is_fingerprint(name)]


def read(home: int, fingerprint: str) -> Bundle:
    """The version. Raises FileNotFoundError if any is missing, IntegrityFault if any is altered."""
    with (
        filesystem.directory(VERSIONS, parent=home) as versions,
        filesystem.directory(fingerprint, parent=versions) as version,
    ):
        files = filesystem.names(version)
        content = {name: _file(name, parent=version) for name in FILES if name in files}
        # Whoever removes a version takes it out of its place first. If it is no more there, then
        # what has just been read may lack its key.
        place = os.stat(f"{VERSIONS}/{fingerprint}", dir_fd=home, follow_symlinks=False)
        if not os.path.samestat(place, os.fstat(version)) or not content.keys() >= REQUIRED:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT))
    return _parse(content, fingerprint)


def _file(name: str, *, parent: int) -> bytes:
    try:
        return filesystem.read(name, parent=parent)
    except OSError as error:
        if error.errno in (errno.EISDIR, errno.ELOOP, errno.ENXIO):
            raise damaged("In the place of a stored file stands something else.") from None
        raise


def read_legacy(home: int) -> Bundle:
    """What CertMate 2.x has left in a directory. Raises FileNotFoundError if it is none of its."""
    present = set(filesystem.names(home))
    wanted = [name for name in (*legacy.FILES, METADATA) if name in present]
    content = {name: _file(name, parent=home) for name in wanted}
    try:
        text = {name: value.decode() for name, value in content.items()}
    except UnicodeDecodeError:
        raise damaged("The stored files are not what they were.") from None
    metadata = text.pop(METADATA, "")
    if legacy.CERTIFICATE not in text:
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT))
    return decode(legacy.document(text, metadata))


def remove(home: int, fingerprint: str) -> None:
    """Remove one version. Raises FileNotFoundError, and Conflict for the current one."""
    if current(home) == fingerprint:
        raise Conflict(
            "The current version cannot be deleted alone; make another one current first.",
            code="storage.current_version",
        )
    with filesystem.directory(VERSIONS, parent=home) as versions:
        filesystem.remove_leftovers(versions)
        doomed = filesystem.temporary_name()
        filesystem.move(fingerprint, doomed, parent=versions)
        filesystem.remove_tree(doomed, parent=versions)
        os.fsync(versions)


def withdraw(home: int) -> None:
    """Take all versions from readers, as the first step of removing them."""
    filesystem.unlink(CURRENT, parent=home)
    with suppress(FileNotFoundError):
        filesystem.move(VERSIONS, filesystem.temporary_name(), parent=home)
    os.fsync(home)


def damaged(detail: str) -> IntegrityFault:
    """The error for what somebody other than us did to the files."""
    return IntegrityFault(detail, code="storage.damaged")


def _contents(bundle: Bundle) -> dict[str, str]:
    """What each file holds, in the order of `FILES`; no key, no file for it."""
    metadata = json.dumps(bundle.metadata, indent=2) + "\n"
    csr = bundle.csr or None
    texts = (bundle.cert, bundle.chain, bundle.fullchain, bundle.privkey, csr, metadata)
    return {name: text for name, text in zip(FILES, texts, strict=True) if text is not None}


def _write(versions: int, fingerprint: str, bundle: Bundle) -> None:
    temporary = filesystem.temporary_name()
    with filesystem.directory(temporary, parent=versions, create=True) as new:
        for name, content in _contents(bundle).items():
            private = name == PRIVATE_KEY
            mode = filesystem.PRIVATE_FILE if private else filesystem.PUBLIC_FILE
            filesystem.write_new(name, content.encode(), parent=new, mode=mode)
        os.fsync(new)
    filesystem.move(temporary, fingerprint, parent=versions)


def _parse(content: dict[str, bytes], fingerprint: str) -> Bundle:
    try:
        text = {name: value.decode() for name, value in content.items()}
        metadata = dict(json.loads(text["metadata.json"]))
        bundle = Bundle(
            text["cert.pem"],
            text["chain.pem"],
            text.get(PRIVATE_KEY),
            metadata,
            text.get(CSR, ""),
        )
        found = bundle.fingerprint
    except (ValueError, TypeError, RecursionError, PKIError):
        # Not chained: a decoding error carries what could not be decoded.
        raise damaged("The stored files are not what they were.") from None
    if found != fingerprint:
        raise damaged("The stored certificate is not the one that its version is named after.")
    return bundle
