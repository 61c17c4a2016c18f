"""From an order to a version: key and request first, then the CA or the authority, then the row."""

from dataclasses import dataclass, replace

from django.db import transaction

from certificates.choices import OrderStep
from certificates.models import Certificate, OrderKey, Version
from certificates.services.signable import holder_of, leaf_for
from certificates.services.turns import turn_of
from certificates.watch import OrderWatch
from certmate.core.errors import IntegrityFault, invalid_input
from certmate.core.issued import version_fields
from certmate.pki import csr as pki_csr
from certmate.pki import inspect
from certmate.pki.keys import KeyType, generate
from certmate.pki.names import parse_name
from certmate.pki.requests import parse_request
from providers import issuers
from providers.acme.failures import clean
from providers.models import Authority, CAAccount


@dataclass(frozen=True)
class _Obtained:
    """What was got for the public key of that hash; `signed` by an authority is not kept yet."""

    cert: str
    chain: str
    spki_sha256: str
    signed: issuers.SignedLeaf | None = None


def prepare(watch: OrderWatch) -> OrderKey:
    """The order's key and CSR: those of an earlier attempt, or new ones that are stored before
    anybody is asked.
    """
    existing = OrderKey.objects.filter(order=watch.order).first()
    if existing is not None:
        return existing
    order = watch.order
    if order.csr:
        watch.enter(OrderStep.PREPARE, "Using the CSR that was brought along.")
        return _keep_key(watch, OrderKey(order=order, csr=order.csr))
    watch.enter(OrderStep.PREPARE, f"Making the key ({order.key_type}) and the CSR.")
    private_key = generate(KeyType(order.key_type))
    is_public = order.ca_account_id is not None
    csr = pki_csr.build(private_key, [parse_name(name, public=is_public) for name in order.names])
    return _keep_key(watch, OrderKey(order=order, csr=csr, private_key={"pem": private_key}))


def _keep_key(watch: OrderWatch, key: OrderKey) -> OrderKey:
    with transaction.atomic():
        watch.tick()
        key.save(force_insert=True)
    return key


def obtain(watch: OrderWatch, key: OrderKey) -> Version:
    """A certificate from whom the order names, as a version that is not stored yet."""
    issuer = watch.order.issued_by
    if isinstance(issuer, Authority):
        return _keep(watch, key, _sign(watch, key, issuer))
    return _keep(watch, key, _ask(watch, key, issuer))


def _ask(watch: OrderWatch, key: OrderKey, account: CAAccount) -> _Obtained:
    order = watch.order
    accounts = order.dns_accounts
    proof = issuers.Proof(order.challenge_type, accounts)  # type: ignore[arg-type]
    through = f" through {' and '.join(str(one) for one, _ in accounts)}" if accounts else ""
    profile = order.ca_profile or account.profile
    under = f" under its profile {profile}" if profile else ""
    watch.enter(
        OrderStep.OBTAIN,
        f"Asking {account} for {', '.join(order.names)}{under}: {order.challenge_type}{through}.",
    )
    issued = issuers.issue(
        account=account,
        csr=key.csr,
        proof=proof,
        profile=order.ca_profile,
        resume_url=order.acme_order_url,
        turn=turn_of(order),
        watch=watch,
    )
    return _Obtained(issued.cert, issued.chain, pki_csr.parse(key.csr).key.spki_sha256)


def _sign(watch: OrderWatch, key: OrderKey, authority: Authority) -> _Obtained:
    """What a crash leaves of this is a line of the ledger that is given up; the next attempt has
    another serial number.
    """
    order, profile = watch.order, watch.order.profile
    if profile is None:
        raise IntegrityFault("The order names no profile.", code="profile.unknown")
    watch.enter(
        OrderStep.OBTAIN,
        f"Having {authority} sign for {', '.join(order.names)} under the profile {profile}.",
    )
    with invalid_input("csr"):
        request = parse_request(key.csr)
    leaf = leaf_for(
        names=order.names,
        profile=profile,
        identifier=order.certificate.name,
        spki=request.spki,
        validity_days=order.validity_days,
    )
    holder = holder_of(order.certificate.name)
    signed = issuers.sign_leaf(authority=authority, profile=profile, leaf=leaf, holder=holder)
    return _Obtained(signed.cert, signed.chain, request.key.spki_sha256, signed)


def _keep(watch: OrderWatch, key: OrderKey, obtained: _Obtained) -> Version:
    order, signed = watch.order, obtained.signed
    facts = inspect.describe_certificate(obtained.cert)
    if facts.key.spki_sha256 != obtained.spki_sha256 or set(facts.names) != set(order.names):
        raise IntegrityFault(
            "The CA answered with a certificate for another key or other names.",
            code="acme.wrong_certificate",
        )
    with transaction.atomic():
        watch.tick()
        if signed is not None:
            issuers.keep([signed])
        certificate = Certificate.objects.select_for_update().get(pk=order.certificate_id)
        latest = (
            certificate.versions.order_by("-number").values_list("number", flat=True).first() or 0
        )
        version = Version.objects.create(
            certificate=certificate,
            number=latest + 1,
            order=order,
            ca_account=order.ca_account,
            authority=order.authority,
            entry=signed.entry if signed else None,
            storage_target=certificate.storage_target,
            names=list(facts.names),
            **version_fields(replace(facts, issuer=clean(facts.issuer))),
            has_private_key=bool(key.private_key),
            cert=obtained.cert,
            chain=obtained.chain,
        )
    watch.step(
        f"Issued by {facts.issuer}: serial {facts.serial}, valid until "
        f"{facts.not_after:%Y-%m-%d %H:%M} UTC."
    )
    return version
