"""What is said of the key of a leaf stops no CA."""

import pytest

from certmate.core.errors import Conflict
from certmate.pki.alt_names import AltNames
from certmate.pki.keys import KeyType, generate
from certmate.pki.requests import build_request, parse_request
from providers import issuers, services
from providers.authority.building import Leaf
from providers.issuers import SignedLeaf
from providers.models import Authority, BlockedKey, Profile, Revocation
from providers.services import key_holders, ledger
from providers.services.signing import is_revoked
from tests.providers.authority import making
from tests.providers.authority.making import SYSTEM, key_of

pytestmark = pytest.mark.django_db


def leaf(
    authority: Authority, csr: str, holder: str = "test/jane", *, keep: bool = True
) -> SignedLeaf:
    """A certificate for the key of a CSR."""
    wanted = Leaf(
        subject={"CN": "jane"},
        alt_names=AltNames(),
        spki=parse_request(csr).spki,
        values={"identifier": "jane", "common_name": "jane"},
    )
    profile = Profile.objects.get(name="client")
    signed = issuers.sign_leaf(authority=authority, profile=profile, leaf=wanted, holder=holder)
    if keep:
        issuers.keep([signed])
    return signed


def test_a_leaf_of_a_cas_key_that_is_compromised_stops_no_ca(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    root = making.root()
    outside = making.intermediate("outside", "")
    key = outside.keys.get()
    with monkeypatch.context() as patched:
        # As one was signed before that was refused.
        patched.setattr(key_holders, "require_certifiable", lambda _: None)
        signed = leaf(root, key.csr)
    services.revoke_entry(actor=SYSTEM, entry=signed.entry, reason="keyCompromise")
    assert Revocation.objects.get().entry == signed.entry
    assert not BlockedKey.objects.exists()
    assert not is_revoked(key)


def test_the_key_of_an_intermediate_is_in_no_leaf() -> None:
    root = making.root()
    with pytest.raises(Conflict) as refused:
        leaf(root, making.intermediate("outside", "").keys.get().csr)
    assert refused.value.code == "key.authority"


def test_a_ca_whose_own_line_tells_of_a_compromise_is_stopped() -> None:
    making.root()
    key = key_of(making.intermediate())
    entry = services.line_of(Authority.objects.get(name="root"), key.cert)
    assert entry is not None
    services.revoke_entry(actor=SYSTEM, entry=entry, reason="keyCompromise")
    assert BlockedKey.objects.get().pk == key.public_key_hash
    assert is_revoked(key)


def test_a_line_that_was_given_up_leaves_the_key_to_others() -> None:
    root, csr = making.root(), build_request(generate(KeyType.EC256), {"CN": "jane"}, AltNames())
    signed = leaf(root, csr, keep=False)
    with pytest.raises(Conflict):
        leaf(root, csr, "test/joan")
    ledger.give_up(signed.entry, "A crash.")
    assert leaf(root, csr, "test/joan").entry.holder == "test/joan"
