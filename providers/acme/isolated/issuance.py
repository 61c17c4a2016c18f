"""One certificate through certbot in CSR mode, or from the order that an earlier attempt opened."""

import contextlib
import datetime
from http import HTTPStatus
from pathlib import Path
from typing import Any

from acme import errors as acme_errors
from acme import messages
from acme.client import ClientV2
from acme.crypto_util import get_identifiers_from_x509
from certbot import crypto_util
from certbot import main as certbot_main
from certbot._internal import auth_handler
from certbot._internal import main as certbot_internal_main
from josepy.errors import DeserializationError
from josepy.json_util import decode_cert, decode_csr

from providers.acme import plan
from providers.acme.failures import clean
from providers.acme.isolated import accounts, relay, session
from providers.acme.isolated.equipment import equip
from providers.acme.isolated.network import Journal, guarded_resolution
from providers.acme.isolated.trouble import NoSuchProfile
from providers.acme.isolated.wire import Channel

_RESUME_LIMIT = datetime.timedelta(seconds=90)
# Problems that a new order would meet as well; any other only says that the old order is of no use.
_FATAL = ("accountDoesNotExist", "rateLimited", "serverInternal", "userActionRequired")


def issue(request: dict[str, Any], channel: Channel, journal: Journal) -> dict[str, str]:
    """The certificate and its chain in PEM."""
    if request["resume_url"]:
        fullchain = _resume(request, channel, journal)
        if fullchain is not None:
            return _split(fullchain)
        journal.forget()
    watch_progress(channel, journal, request["profile"])
    workspace = Path(request["workspace"])
    (workspace / plan.CSR_FILE).write_text(request["csr"])
    session.seed_account(request, workspace / plan.CONFIG_DIR)
    arguments, publishing = equip(request, channel, journal)
    if publishing is not None:
        publishing.aim(_names(request["csr"]))
    # They say that nobody will renew this certificate, and ask for donations.
    certbot_internal_main._report_next_steps = lambda *_, **__: None
    # The plugins' own requests too, unless the machine's role at its metadata service is wanted.
    with (
        relay.publishers(request["publishers"], channel),
        contextlib.nullcontext() if request["is_ambient"] else guarded_resolution(),
    ):
        channel.step("Asking the CA for a certificate")
        status = certbot_main.main(arguments)
    if status:
        raise RuntimeError(f"certbot ended with {status}")
    return _read(workspace, request["csr"])


def _read(workspace: Path, csr: str) -> dict[str, str]:
    cert = (workspace / plan.CERT_FILE).read_text()
    if not _fits(cert, csr):
        raise ValueError("the certificate is not for our key")
    return {"cert": cert, "chain": (workspace / plan.CHAIN_FILE).read_text()}


def _split(fullchain: str) -> dict[str, str]:
    cert, chain = crypto_util.cert_and_chain_from_fullchain(fullchain)
    return {"cert": cert, "chain": chain}


def _fits(cert_pem: str, csr_pem: str) -> bool:
    cert = decode_cert(session.der_text(cert_pem))
    return bool(cert.public_key() == decode_csr(session.der_text(csr_pem)).public_key())


def _names(csr_pem: str) -> list[str]:
    csr = decode_csr(session.der_text(csr_pem))
    names, _ = get_identifiers_from_x509(csr.subject, csr.extensions)
    return names


def _resume(request: dict[str, Any], channel: Channel, journal: Journal) -> str | None:
    """What an earlier attempt's order has brought or still can; None if a new order is needed."""
    client = session.connect(request)
    url = request["resume_url"]
    try:
        order = messages.Order.from_json(client._post_as_get(url).json())
        if not _is_under(order, request["profile"]):
            return None
        if order.status == messages.STATUS_VALID:
            channel.step("Fetching the certificate of the earlier order")
            fullchain = client._post_as_get(order.certificate).text
        elif order.status in (messages.STATUS_READY, messages.STATUS_PROCESSING):
            channel.step("Finishing the earlier order")
            fullchain = _finish(client, request["csr"], order, url)
        else:
            return None
    except messages.Error as problem:
        if problem.code in _FATAL:
            raise
        return None
    except (acme_errors.ClientError, DeserializationError):
        if journal.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            raise
        return None
    return fullchain if _fits(fullchain, request["csr"]) else None


def _finish(client: ClientV2, csr: str, order: messages.Order, url: str) -> str:
    resource = messages.OrderResource(body=order, uri=url, authorizations=[], csr_pem=csr.encode())
    if order.status == messages.STATUS_READY:
        resource = client.begin_finalization(resource)
    # The library counts in naive local time.
    deadline = datetime.datetime.now() + _RESUME_LIMIT  # noqa: DTZ005
    return str(client.poll_finalization(resource, deadline).fullchain_pem)


def _require_offered(client: ClientV2, profile: str) -> None:
    """The server must be asked for nothing else (draft-ietf-acme-profiles §4); one that knows no
    profiles would ignore the wish.
    """
    offered = accounts.profiles(client)
    if profile and profile not in offered:
        names = ", ".join(offered) if offered else "none at all"
        raise NoSuchProfile(f"Not {profile}; it offers {names}.")


def _is_under(order: messages.Order, profile: str) -> bool:
    """Whether the order may bring what was asked for: a CA need not repeat its profile."""
    return not profile or order.profile in (None, "", profile)


def watch_progress(channel: Channel, journal: Journal, profile: str) -> None:
    """Tells the parent where certbot is, and at once which order it opened; orders nothing under a
    profile that the CA does not offer.
    """
    original_order = ClientV2.new_order
    original_answer = ClientV2.answer_challenge
    original_finalize = ClientV2.begin_finalization
    original_report = auth_handler.AuthHandler._report_failed_authzrs
    answered: list[bool] = []

    def new_order(self: ClientV2, *args: Any, **kwargs: Any) -> messages.OrderResource:
        _require_offered(self, profile)
        # The order exists as soon as it is answered, before its authorizations are read.
        original_post = self._post

        def post(url: str, *rest: Any, **options: Any) -> Any:
            response = original_post(url, *rest, **options)
            if url != self.directory["newOrder"]:
                return response
            # Nothing is proved before the parent has kept it: a crash must not order again.
            if not channel.ask("order", url=response.headers["Location"]):
                raise acme_errors.Error("Nobody is there to keep the order.")
            return response

        self._post = post  # type: ignore[method-assign]
        try:
            order = original_order(self, *args, **kwargs)
        finally:
            self._post = original_post  # type: ignore[method-assign]
        if not _is_under(order.body, profile):
            raise NoSuchProfile(f"Asked for {profile}, it took {clean(order.body.profile, 64)}.")
        count = len(order.authorizations)
        channel.step(
            f"Publishing the proof of control of {count} {'name' if count == 1 else 'names'}"
        )
        return order

    def answer_challenge(self: ClientV2, *args: Any, **kwargs: Any) -> messages.ChallengeResource:
        if not answered:
            answered.append(True)
            channel.step("The CA is checking the proof")
        return original_answer(self, *args, **kwargs)

    def begin_finalization(self: ClientV2, *args: Any, **kwargs: Any) -> messages.OrderResource:
        channel.step("The CA is issuing the certificate")
        return original_finalize(self, *args, **kwargs)

    def report(self: Any, failed_authzrs: list[messages.AuthorizationResource]) -> None:
        journal.failed += [
            part for authorization in failed_authzrs for part in _failed_parts(authorization)
        ]
        original_report(self, failed_authzrs)

    ClientV2.new_order = new_order  # type: ignore[method-assign]
    ClientV2.answer_challenge = answer_challenge  # type: ignore[method-assign]
    ClientV2.begin_finalization = begin_finalization  # type: ignore[method-assign]
    auth_handler.AuthHandler._report_failed_authzrs = report  # type: ignore[method-assign]


def _failed_parts(authorization: messages.AuthorizationResource) -> list[dict[str, str]]:
    body = authorization.body
    name = f"*.{body.identifier.value}" if body.wildcard else body.identifier.value
    return [
        {
            "identifier": name,
            "challenge": challenge.chall.typ,
            "type": challenge.error.typ,
            "detail": challenge.error.detail or "",
        }
        for challenge in body.challenges
        if challenge.error is not None
    ]
