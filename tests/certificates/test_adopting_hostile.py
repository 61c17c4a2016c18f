"""Certificates of a private authority, taken up from a target that somebody has written into."""

from dataclasses import replace

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding

from certificates import services
from certificates.models import Certificate, Version
from certmate.pki.keys import KeyType, generate, load_private_key
from providers.models import Authority
from providers.services import revoke_entry
from storage import services as storage
from storage.backends.base import BundleRef
from storage.models import RebuildItem
from tests import factories
from tests.certificates.test_adopting import SYSTEM, authority, lose, rebuild
from tests.certificates.test_authority_orders import current, done, issue, line, stored
from tests.storage.test_rebuilding import bundle_of

__all__ = ["authority"]

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("data_dir")]


def put_again(bundle: object, name: str = "app.internal") -> None:
    ref = BundleRef("server", name)
    target = storage.default_target()
    storage.remove(target=target, ref=ref)
    storage.store(target=target, ref=ref, bundle=bundle)  # type: ignore[arg-type]


def test_the_next_renewal_is_not_of_a_key_that_somebody_put_there(authority: Authority) -> None:
    bundle = stored(current(issue("app.internal")))
    key = load_private_key(generate(KeyType.EC256))
    made = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([]))
    names = x509.SubjectAlternativeName([x509.DNSName("app.internal")])
    made = made.add_extension(names, critical=False)
    csr = made.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM).decode()
    lose()
    put_again(replace(bundle, csr=csr))
    rebuild()
    found = Certificate.objects.first()
    if found is None:
        return
    renewed = current(done(services.renew_certificate(actor=SYSTEM, certificate=found)))
    signed = x509.load_pem_x509_certificate(renewed.cert.encode())
    assert signed.public_key() != key.public_key()


def test_the_profile_is_the_ledgers_and_not_the_targets(authority: Authority) -> None:
    bundle = stored(current(issue("app.internal")))
    factories.profile("longer")
    lose()
    put_again(replace(bundle, metadata=bundle.metadata | {"profile": "longer"}))
    rebuild()
    found = Certificate.objects.first()
    assert found is None or (found.profile and found.profile.name) == "server"


def test_an_older_version_that_the_ledger_says_is_revoked_is_so(authority: Authority) -> None:
    made = issue("app.internal")
    old = current(made)
    done(services.renew_certificate(actor=SYSTEM, certificate=made))
    revoke_entry(actor=SYSTEM, entry=line(old))
    lose()
    assert rebuild().state == "done"
    found = Version.objects.get(fingerprint=old.fingerprint)
    assert found.revoked_at is not None


def test_one_that_had_another_issuer_before_is_taken_up(authority: Authority) -> None:
    factories.ca_account()
    now = stored(current(issue("www.example.com")))
    lose()
    target, ref = storage.default_target(), BundleRef("server", "www.example.com")
    storage.store(target=target, ref=ref, bundle=bundle_of("www.example.com"))
    storage.store(target=target, ref=ref, bundle=now)
    rebuild()
    assert [item.error_code for item in RebuildItem.objects.all()] == [""]
    assert Version.objects.filter(fingerprint=now.fingerprint).exists()
