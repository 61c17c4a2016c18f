"""The whole way to a real provider and back, and what must not come of it."""

import base64
import dataclasses
import hashlib
import time
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
import requests
from allauth.mfa.models import Authenticator
from allauth.socialaccount.models import SocialAccount, SocialApp
from django.contrib.auth.models import Group, User
from django.test import Client
from pytest_django import Settings

from certmate.signin.configuration import SUPERUSER
from tests.cast import PASSWORD, Cast
from tests.servers.oidc import OpenIDServer
from tests.signin import people
from tests.signin.people import events, post

pytestmark = pytest.mark.integration

LOGIN, CALLBACK = "/account/oidc/login/", "/account/oidc/callback/"
FAILED = "did not succeed"


def ask(client: Client, path: str = LOGIN) -> str:
    """Where the browser is sent to."""
    answer = client.get(path)
    assert answer.status_code == 302
    return str(answer.headers["Location"])


def changed(url: str, **parameters: str) -> str:
    parts = urlsplit(url)
    query = {name: values[0] for name, values in parse_qs(parts.query).items()}
    return parts._replace(query=urlencode({**query, **parameters})).geturl()


def come_back(client: Client, url: str) -> Any:
    parts = urlsplit(url)
    assert parts.path == CALLBACK
    return client.get(f"{parts.path}?{parts.query}")


def arrive(provider: OpenIDServer, subject: str, client: Client | None = None) -> Client:
    """Sign in by the provider."""
    client = client or Client()
    answer = come_back(client, provider.authorize(ask(client), subject))
    assert answer.status_code == 302, answer.content
    return client


def user_of(subject: str) -> User:
    account: Any = SocialAccount.objects.get(uid=subject)
    found: User = account.user
    return found


def roles(user: User) -> set[str]:
    return set(user.groups.values_list("name", flat=True))


def test_sign_in_makes_a_user_without_any_right(provider: OpenIDServer) -> None:
    provider.knows("s1", preferred_username="alice", email="alice@example.test", name="Alice A")
    client = arrive(provider, "s1")
    user = user_of("s1")
    assert (user.username, user.email, user.first_name) == ("alice", "alice@example.test", "Alice")
    assert not user.has_usable_password()
    assert not user.is_staff
    assert not user.is_superuser
    assert roles(user) == set()
    assert client.get("/admin/", follow=True).status_code == 403
    assert client.get("/api/me").status_code == 200


def test_groups_give_roles_and_take_them_away_at_every_sign_in(provider: OpenIDServer) -> None:
    provider.knows("s2", preferred_username="bob", groups=["pki-admins", "ops", "unmapped"])
    client = arrive(provider, "s2")
    user = user_of("s2")
    user.groups.add(Group.objects.get(name="others"))
    assert roles(user) == {"keepers", "helpers", "others"}
    assert user.is_staff
    assert client.get("/admin/").status_code == 200

    provider.knows("s2", preferred_username="bob", groups=["ops"])
    arrive(provider, "s2")
    assert roles(user) == {"helpers", "others"}
    provider.knows("s2", preferred_username="bob")
    arrive(provider, "s2")
    user.refresh_from_db()
    assert roles(user) == {"others"}
    assert not User.objects.get(pk=user.pk).is_staff
    assert events(user) == ["signin.roles_mapped"] * 3
    assert client.get("/admin/").status_code == 302


@pytest.mark.parametrize(
    "groups", [{"pki-admins": True}, 7, None, [["pki-admins"]], ["PKI-ADMINS"]]
)
def test_groups_of_another_form_give_nothing(provider: OpenIDServer, groups: Any) -> None:
    provider.knows("s3", groups=groups)
    arrive(provider, "s3")
    assert roles(user_of("s3")) == set()


def is_superuser(subject: str) -> bool:
    return user_of(subject).is_superuser


def test_superuser_only_by_name_in_the_map(provider: OpenIDServer, settings: Settings) -> None:
    provider.knows("s4", groups=["root", "superuser"])
    arrive(provider, "s4")
    assert not is_superuser("s4")
    mapped = dataclasses.replace(settings.CERTMATE_OIDC, roles=(("root", SUPERUSER),))
    settings.CERTMATE_OIDC = mapped
    arrive(provider, "s4")
    assert is_superuser("s4")
    provider.knows("s4", groups=[])
    arrive(provider, "s4")
    assert not is_superuser("s4")
    assert not user_of("s4").is_staff


def test_a_superuser_made_here_stays_one(provider: OpenIDServer) -> None:
    provider.knows("s5", groups=["ops"])
    arrive(provider, "s5")
    User.objects.filter(pk=user_of("s5").pk).update(is_superuser=True)
    provider.knows("s5", groups=[])
    arrive(provider, "s5")
    assert user_of("s5").is_superuser
    assert user_of("s5").is_staff


def test_a_local_account_is_not_taken_over(provider: OpenIDServer, cast: Cast) -> None:
    email, name = cast.owner.email, cast.owner.username
    provider.knows("s6", preferred_username=name, email=email, email_verified=True)
    client = arrive(provider, "s6")
    assert user_of("s6") != cast.owner
    assert user_of("s6").username != name
    assert client.get("/admin/", follow=True).status_code == 403


def test_nobody_links_an_account_while_signed_in(provider: OpenIDServer, cast: Cast) -> None:
    client = people.signed_in(cast.owner)
    back = provider.authorize(ask(client, f"{LOGIN}?process=connect"), "s7")
    come_back(client, back)
    assert user_of("s7") != cast.owner


def test_somebody_deactivated_stays_out(provider: OpenIDServer) -> None:
    provider.knows("s8", groups=["ops"])
    arrive(provider, "s8")
    user = user_of("s8")
    user.is_active = False
    user.save()
    client = arrive(provider, "s8")
    assert client.get("/admin/", follow=True).request["PATH_INFO"] == people.SIGN_IN
    assert client.get("/api/me").status_code == 401


def refused(client: Client, url: str) -> bool:
    answer = come_back(client, url)
    is_out = client.get("/api/me").status_code == 401
    return answer.status_code == 403 and FAILED in answer.content.decode() and is_out


def test_an_answer_with_another_nonce_is_refused(provider: OpenIDServer) -> None:
    client = Client()
    url = changed(ask(client), nonce="of-another-attempt")
    assert refused(client, provider.authorize(url, "s9"))
    assert not SocialAccount.objects.filter(uid="s9").exists()


def test_an_answer_with_another_state_is_refused(provider: OpenIDServer) -> None:
    client, other = Client(), Client()
    back = provider.authorize(ask(client), "s10")
    assert refused(client, changed(back, state="unknown"))
    assert refused(other, back)


def test_an_answer_works_once(provider: OpenIDServer) -> None:
    client = Client()
    back = provider.authorize(ask(client), "s11")
    come_back(client, back)
    client.post("/account/logout/")
    assert refused(client, back)


def test_who_says_no_there_is_not_in(provider: OpenIDServer) -> None:
    client = Client()
    assert refused(client, provider.deny(ask(client)))


def test_the_code_is_bound_to_the_attempt(
    provider: OpenIDServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """RFC 7636 §4: the challenge is the hash of what only the second request shows."""
    sent: list[dict[str, str]] = []
    send = requests.Session.request

    def listen(self: requests.Session, method: str, url: str, **options: Any) -> Any:
        if url.endswith("/token"):
            sent.append(options["data"])
        return send(self, method, url, **options)

    client = Client()
    url = ask(client)
    back = provider.authorize(url, "s12")
    monkeypatch.setattr(requests.Session, "request", listen)
    come_back(client, back)
    asked = parse_qs(urlsplit(url).query)
    assert asked["code_challenge_method"] == ["S256"]
    digest = hashlib.sha256(sent[0]["code_verifier"].encode()).digest()
    assert asked["code_challenge"] == [base64.urlsafe_b64encode(digest).rstrip(b"=").decode()]


def test_another_issuer_is_refused(provider: OpenIDServer, settings: Settings) -> None:
    """It answers at this address and calls itself by another name."""
    other = provider.issuer.replace("127.0.0.1", "localhost") + "/"
    settings.CERTMATE_OIDC = dataclasses.replace(settings.CERTMATE_OIDC, issuer=other)
    assert FAILED in Client().get(LOGIN).content.decode()


def test_people_of_another_issuer_are_other_people(
    provider: OpenIDServer, settings: Settings
) -> None:
    arrive(provider, "s13")
    before = user_of("s13")
    account = SocialAccount.objects.get(uid="s13")
    account.provider = "oidc-of-another-issuer"
    account.save()
    arrive(provider, "s13")
    assert SocialAccount.objects.exclude(user=before).filter(uid="s13").exists()


def test_a_row_makes_no_provider(provider: OpenIDServer, settings: Settings) -> None:
    SocialApp.objects.create(provider="openid_connect", provider_id="evil", client_id="x")
    settings.CERTMATE_OIDC = None
    for path in (LOGIN, CALLBACK, "/account/oidc/evil/login/"):
        assert Client().get(path).status_code == 404


def test_a_provider_that_is_away_is_told(settings: Settings, provider: OpenIDServer) -> None:
    away = dataclasses.replace(settings.CERTMATE_OIDC, issuer="http://127.0.0.1:9")
    settings.CERTMATE_OIDC = away
    answer = Client().get(LOGIN)
    assert answer.status_code == 403
    assert FAILED in answer.content.decode()


def test_signing_out_leads_to_the_end_of_the_session_there(provider: OpenIDServer) -> None:
    client = arrive(provider, "s14")
    answer = client.post("/account/logout/")
    assert client.get("/api/me").status_code == 401
    url = urlsplit(answer.context["leave_url"])
    assert answer.context["leave_url"].startswith(provider.discovery()["end_session_endpoint"])
    query = parse_qs(url.query)
    assert query["client_id"] == ["certmate"]
    assert query["post_logout_redirect_uri"] == ["http://127.0.0.1:8000/account/login/"]
    assert query["id_token_hint"][0].count(".") == 2
    assert '<meta http-equiv="refresh"' in answer.content.decode()


def test_a_local_session_ends_here_alone(provider: OpenIDServer, cast: Cast) -> None:
    answer = people.signed_in(cast.owner).post("/admin/logout/")
    assert "http-equiv" not in answer.content.decode()


def test_passwords_can_be_left_to_emergencies(
    provider: OpenIDServer, settings: Settings, cast: Cast
) -> None:
    settings.CERTMATE_OIDC_ONLY = True
    assert "Emergency access" in Client().get(people.SIGN_IN).content.decode()
    assert not people.is_in(people.enter("operator", PASSWORD))
    assert people.is_in(people.enter("owner", PASSWORD))


def test_the_second_factor_is_asked_for_here_too(provider: OpenIDServer) -> None:
    arrive(provider, "s15")
    secret = people.give_app(user_of("s15"))
    client = arrive(provider, "s15")
    assert client.get("/api/me").status_code == 401
    client.post(people.SECOND, {"code": people.code_of(secret)})
    assert client.get("/api/me").status_code == 200


# Proof once more, of somebody without a password.

CONFIRM = "/account/oidc/confirm/?next=/account/second-factor/app/"
APP = "/account/second-factor/app/"


def test_a_factor_needs_a_fresh_sign_in_there(provider: OpenIDServer) -> None:
    client = arrive(provider, "s16")
    answer = client.get(APP)
    assert answer.headers["Location"].startswith("/account/oidc/confirm/")
    assert not Authenticator.objects.exists()
    provider.knows("s16", auth_time=int(time.time()))
    url = ask(client, answer.headers["Location"])
    assert parse_qs(urlsplit(url).query)["prompt"] == ["login"]
    back = come_back(client, provider.authorize(url, "s16"))
    assert back.headers["Location"] == APP
    assert client.get(APP).status_code == 200


@pytest.mark.parametrize("auth_time", [1, "now", 10**11])
def test_a_sign_in_of_another_day_there_is_not_fresh(
    provider: OpenIDServer, auth_time: object
) -> None:
    client = arrive(provider, "s17")
    provider.knows("s17", auth_time=auth_time)
    answer = come_back(client, provider.authorize(ask(client, CONFIRM), "s17"))
    assert FAILED in answer.content.decode()
    assert client.get(APP).status_code == 302


def test_somebody_else_there_confirms_nothing(provider: OpenIDServer) -> None:
    arrive(provider, "s19")
    client = arrive(provider, "s18")
    provider.knows("s19", auth_time=int(time.time()))
    answer = come_back(client, provider.authorize(ask(client, CONFIRM), "s19"))
    assert FAILED in answer.content.decode()
    assert client.get(APP).status_code == 302


def make_token(client: Client, user: User, **more: str) -> Any:
    form = {"owner": user.pk, "name": "x", "scopes": ["read"], **more}
    return client.post("/admin/access/apitoken/add/", form)


def test_a_form_that_asks_again_takes_a_fresh_sign_in(provider: OpenIDServer) -> None:
    provider.knows("s20", groups=["ops"], auth_time=int(time.time()))
    client = arrive(provider, "s20")
    User.objects.filter(pk=user_of("s20").pk).update(is_superuser=True)
    page = make_token(client, user_of("s20")).content.decode()
    assert "Confirm who you are first" in page
    assert "/account/oidc/confirm/?next=%2Fadmin%2Faccess%2Fapitoken%2Fadd%2F" in page
    come_back(client, provider.authorize(ask(client, CONFIRM), "s20"))
    assert "The token is made" in make_token(client, user_of("s20")).content.decode()


def test_a_form_that_asks_again_takes_a_code(provider: OpenIDServer) -> None:
    provider.knows("s21", groups=["ops"])
    client = arrive(provider, "s21")
    user = user_of("s21")
    User.objects.filter(pk=user.pk).update(is_superuser=True)
    secret = people.give_app(user)
    assert "Code of your second factor" in make_token(client, user).content.decode()
    code = people.code_of(secret)
    wrong = make_token(client, user, password=people.wrong(code)).content.decode()
    assert "wrong or was used" in wrong
    assert "The token is made" in make_token(client, user, password=code).content.decode()
    assert "wrong or was used" in make_token(client, user, password=code).content.decode()


def test_a_user_without_a_password_never_has_an_empty_one(provider: OpenIDServer) -> None:
    arrive(provider, "s22")
    for password in ("", "!", user_of("s22").password):
        assert not people.is_in(post(Client(), user_of("s22").username, password))


def test_a_password_that_is_not_taken_proves_nothing(
    provider: OpenIDServer, settings: Settings, cast: Cast
) -> None:
    client = people.signed_in(cast.operator)
    settings.CERTMATE_OIDC_ONLY = True
    assert client.get(APP).status_code == 403
    User.objects.filter(pk=cast.operator.pk).update(is_superuser=True)
    assert client.get(APP).headers["Location"].startswith("/account/confirm/")
