"""What tests of the making of CRLs begin with."""

from collections.abc import Callable

import pytest

from providers import services
from providers.authority.custody.base import SoftwareSigner
from providers.models import CRL, Authority, LedgerEntry
from providers.services import crls
from tests.providers.authority import making
from tests.providers.authority.making import SYSTEM


def published_root() -> Authority:
    """An authority of which all CRLs are published."""
    made = making.root(crl_shards=2)
    assert crls.publish_due() == 2
    return made


def revoked(root: Authority, reason: str = "unspecified") -> LedgerEntry:
    entry = making.leaf(root).entry
    services.revoke_entry(actor=SYSTEM, entry=entry, reason=reason)
    return entry


def newest(entry: LedgerEntry) -> CRL:
    return CRL.objects.filter(key=entry.key_id, shard=entry.shard).latest("number")


def while_signing(monkeypatch: pytest.MonkeyPatch, happens: Callable[[], object]) -> None:
    """Once, as if somebody else did it at that moment."""
    sign, left = SoftwareSigner.sign, [happens]

    def meanwhile(signer: SoftwareSigner, data: bytes) -> bytes:
        if left:
            left.pop()()
        return sign(signer, data)

    monkeypatch.setattr(SoftwareSigner, "sign", meanwhile)
