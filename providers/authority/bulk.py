"""Many leaves at once, in a process of their own: keys made, drafts built, signatures added.

Plain values go in and come out, so that the process that has the database does that meanwhile.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from certmate.pki.der import Frame
from certmate.pki.errors import PKIError
from certmate.pki.keys import KeyType, new_key, to_pem
from certmate.pki.profiles import Profile
from providers.authority.building import Drafted, IssuingKey, Leaf, draft_leaf, spki_of
from providers.authority.finishing import finish


@dataclass(frozen=True)
class Asked:
    """One leaf; with a `key_type`, its key is to be made and `spki` of the leaf is empty."""

    leaf: Leaf
    key_type: KeyType | None = None


@dataclass(frozen=True)
class Outcome:
    """A draft with its key (PEM) if one was made, or why there is none."""

    drafted: Drafted | None = None
    private_key: str | None = field(default=None, repr=False)
    refusal: tuple[str, str, str] | None = None
    """Code, detail and field."""


def draft_all(
    key: IssuingKey, profile: Profile, asked: Sequence[Asked], now: datetime
) -> list[Outcome]:
    """A draft for each; one that is refused stops no other."""
    return [_draft(key, profile, one, now) for one in asked]


def finish_all(
    custody: str, stored: Mapping[str, Any], key: IssuingKey, frames: Sequence[Frame]
) -> list[bytes]:
    """The certificates in DER. Raises as `finish` does."""
    return finish(custody, stored, "", key.issuer, frames)


def _draft(key: IssuingKey, profile: Profile, asked: Asked, now: datetime) -> Outcome:
    try:
        if asked.key_type is None:
            return Outcome(draft_leaf(key, profile, asked.leaf, now=now))
        made = new_key(asked.key_type)
        public = made.public_key()
        leaf = replace(asked.leaf, spki=spki_of(public))
        drafted = draft_leaf(key, profile, leaf, now=now, public_key=public)
    except PKIError as error:
        return Outcome(refusal=(error.code, error.detail, error.field))
    return Outcome(drafted, to_pem(made))
