"""What every storage backend promises, and how one is declared.

Plain Python: a backend knows neither Django nor who asks. It trusts a `BundleRef`, which is checked
when it is made, and nothing else.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol, get_args

from certmate.core.errors import Conflict, InvalidRequest, NotFound
from certmate.core.parameters import Parameter
from certmate.pki.bundle import Bundle
from certmate.pki.errors import PKIError
from certmate.pki.names import directory_name, safe_object_name

Kind = Literal["server", "client"]
KINDS: tuple[Kind, ...] = get_args(Kind)

_FINGERPRINT = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, order=True)
class BundleRef:
    """Which bundle: one that exists is safe as a path and as a remote name.

    Raises InvalidRequest (`storage.kind`, `name.invalid`).
    """

    kind: Kind
    name: str

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise InvalidRequest(
                f"A bundle is of one of: {', '.join(KINDS)}.", code="storage.kind", field="kind"
            )
        try:
            safe_object_name(self.name)
        except PKIError as error:
            raise InvalidRequest(error.detail, code=error.code, field="name") from error

    @property
    def path(self) -> str:
        """Where it stands below a target's root, with `/`: `server/_wildcard.example.com`."""
        return f"{self.kind}/{directory_name(self.name)}"


class Backend(Protocol):
    """One place that keeps bundles, each in one or more versions of which one is current.

    A version is named by the SHA-256 of its certificate and never changes. Whatever happens at
    whichever line, a reader gets a whole version or NotFound. What fails for a while raises
    UpstreamUnavailable (`storage.unavailable`), what was damaged from outside raises IntegrityFault
    (`storage.damaged`); neither repeats a secret.
    """

    def put(self, ref: BundleRef, bundle: Bundle) -> None:
        """Store this version and make it current, in one step for readers.

        A version that is there already is only made current, so a repetition changes nothing; its
        first metadata stays. Raises Conflict (`storage.version_differs`) if its chain or key are
        others than these, so that a key is never thought to be stored when it is not.
        """
        ...

    def get(self, ref: BundleRef, fingerprint: str | None = None) -> Bundle:
        """The current version, or the one with this fingerprint.

        Raises NotFound (`storage.not_found`).
        """
        ...

    def versions(self, ref: BundleRef) -> list[str]:
        """The fingerprints of what is stored, in no order; none for an unknown bundle."""
        ...

    def delete(self, ref: BundleRef, fingerprint: str | None = None) -> None:
        """Remove the bundle with all versions, or one version; what is not there is removed.

        Raises Conflict (`storage.current_version`) for the current version alone, since readers
        would be left with nothing.
        """
        ...

    def list(self) -> Iterator[BundleRef]:
        """Every bundle that has a current version, one by one, so that 100,000 fit in memory."""
        ...

    def legacy(self) -> Iterator[str]:
        """The domains whose bundles CertMate 2.x has left here, some perhaps twice."""
        ...

    def get_legacy(self, domain: str) -> Bundle:
        """Such a bundle as it is. Raises NotFound (`storage.not_found`)."""
        ...

    def probe(self) -> None:
        """Write, read, compare and delete something harmless; the error says which failed."""
        ...


@dataclass(frozen=True)
class OwnPlaces:
    """What CertMate itself has to offer: its data directory, its database for this target, and the
    file of the service account token that the operator lets it show to a vault.
    """

    data_dir: Path
    database: Backend
    kubernetes_token: Path | None = None


@dataclass(frozen=True)
class BackendSpec:
    """A kind of backend as the catalogue lists it.

    `build` makes the backend of one target from validated parameters; it contacts nobody and raises
    InvalidRequest for what makes no sense. `location` names the parameters that say where the
    bundles are: two targets never share a place, and a target that holds bundles does not move.
    `place` says of complete parameters where that is, however it is spelt; without it their values
    do. `endpoints` names further ones that say to whom a secret is sent. `as_machine` tells whether
    who the machine is signs in, instead of a secret that somebody gave. `lapses`: a sign-in that is
    not used for long is lost for good.
    """

    slug: str
    label: str
    build: Callable[[Mapping[str, str], OwnPlaces], Backend]
    help: str = ""
    parameters: tuple[Parameter, ...] = ()
    location: tuple[str, ...] = ()
    place: Callable[[Mapping[str, str]], tuple[str, ...]] | None = None
    as_machine: Callable[[Mapping[str, str]], bool] = lambda _values: False
    endpoints: tuple[str, ...] = ()
    lapses: bool = False


def unknown(ref: BundleRef) -> NotFound:
    """The error for a bundle or version that is not there."""
    return NotFound(f"There is no such {ref.kind} bundle or version.", code="storage.not_found")


def is_fingerprint(text: str) -> bool:
    """Whether this can name a version at all; what cannot never reaches a path."""
    return _FINGERPRINT.fullmatch(text) is not None


def require_same(stored: Bundle, bundle: Bundle) -> None:
    """Raise Conflict (`storage.version_differs`) unless a repeated put brings what is stored.

    Some places trim the white space around a value; PEM means the same without it.
    """
    if _contents(stored) != _contents(bundle):
        raise Conflict(
            "This version is stored already, with another chain or key than it has here. "
            "Delete the stored bundle first if it is the wrong one.",
            code="storage.version_differs",
        )


def _contents(bundle: Bundle) -> tuple[str, str | None]:
    return bundle.chain.strip(), bundle.privkey.strip() if bundle.privkey is not None else None
