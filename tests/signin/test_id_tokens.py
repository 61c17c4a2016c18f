"""ID tokens that do not hold, each right but for one thing (OpenID Connect Core 1.0 §3.1.3.7)."""

import json
import time
from typing import Any

import jwt
import pytest
from allauth.socialaccount.providers.oauth2.client import OAuth2Error
from cryptography.hazmat.primitives.asymmetric import rsa
from django.test import RequestFactory
from jwt.algorithms import RSAAlgorithm
from pytest_django import Settings

from certmate.signin import oidc
from certmate.signin.configuration import OpenIDProvider

ISSUER, CLIENT = "https://sso.example.test/realm", "certmate"
SECRET = "a client secret of some length, long enough for HS256"
KEY, OTHER_KEY = (rsa.generate_private_key(public_exponent=65537, key_size=2048) for _ in "ab")


@pytest.fixture
def adapter(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> oidc.IssuerAdapter:
    """The conversation with a provider that publishes KEY."""
    settings.CERTMATE_OIDC = OpenIDProvider(ISSUER, CLIENT, SECRET, "groups", (), "SSO")
    public = json.loads(RSAAlgorithm.to_jwk(KEY.public_key()))
    answers: dict[str, Any] = {
        f"{ISSUER}/.well-known/openid-configuration": {
            "issuer": ISSUER,
            **{name: f"{ISSUER}/{name}" for name in oidc._ENDPOINTS},
        },
        f"{ISSUER}/jwks_uri": {"keys": [{**public, "kid": "k1", "alg": "RS256", "use": "sig"}]},
    }
    monkeypatch.setattr(oidc.IssuerAdapter, "_get", lambda self, url, **_: answers[url])
    return oidc.IssuerAdapter(RequestFactory().get("/"))


def token(key: Any = KEY, algorithm: str = "RS256", kid: str = "k1", **changes: Any) -> str:
    now = int(time.time())
    claims = {"iss": ISSUER, "aud": CLIENT, "sub": "s", "iat": now, "exp": now + 300, **changes}
    kept = {name: value for name, value in claims.items() if value is not None}
    return jwt.encode(kept, key, algorithm=algorithm, headers={"kid": kid})


def test_one_that_holds_is_taken(adapter: oidc.IssuerAdapter) -> None:
    assert adapter._claims(token(groups=["ops"]))["groups"] == ["ops"]
    assert adapter._claims(token(aud=[CLIENT, "other"], azp=CLIENT))["sub"] == "s"


@pytest.mark.parametrize(
    "changes",
    [
        {"iss": "https://other.example.test"},
        {"iss": f"{ISSUER}/"},
        {"aud": "another-client"},
        {"azp": "another-client"},
        {"exp": 1},
        {"iat": int(time.time()) + 3600},
        {"iss": None},
        {"aud": None},
        {"sub": None},
        {"exp": None},
        {"iat": None},
        {"kid": "k2"},
        {"key": OTHER_KEY},
        {"key": SECRET, "algorithm": "HS256"},
        {"key": None, "algorithm": "none"},
    ],
    ids="-".join,
)
def test_one_that_does_not_is_refused(adapter: oidc.IssuerAdapter, changes: dict[str, Any]) -> None:
    with pytest.raises(OAuth2Error):
        adapter._claims(token(**changes))


@pytest.mark.parametrize("text", ["", "x", "a.b.c", "...."])
def test_what_is_no_token_is_refused(adapter: oidc.IssuerAdapter, text: str) -> None:
    with pytest.raises(OAuth2Error):
        adapter._claims(text)


def test_userinfo_of_another_person_is_refused(
    adapter: oidc.IssuerAdapter, monkeypatch: pytest.MonkeyPatch
) -> None:
    adapter.openid_config["userinfo_endpoint"] = f"{ISSUER}/userinfo"
    monkeypatch.setattr(oidc.IssuerAdapter, "_get", lambda self, url, **_: {"sub": "t"})
    with pytest.raises(OAuth2Error, match="two people"):
        adapter._told("x", "s")


@pytest.mark.parametrize("address", ["http://sso.example.test/jwks", "file:///etc/passwd", "", 7])
def test_an_endpoint_without_tls_is_refused(
    adapter: oidc.IssuerAdapter, monkeypatch: pytest.MonkeyPatch, address: Any
) -> None:
    found = {**adapter.openid_config, "jwks_uri": address}
    monkeypatch.setattr(oidc.IssuerAdapter, "_get", lambda self, url, **_: found)
    with pytest.raises(OAuth2Error, match="jwks_uri"):
        adapter._discover()
