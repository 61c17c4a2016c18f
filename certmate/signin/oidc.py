"""Sign-in at an OpenID Connect provider: allauth's flow, with what it leaves open closed.

The answer has to come from the configured issuer (Discovery 1.0 §4.3), with a signed ID token for
us (Core 1.0 §3.1.3.7) that carries the nonce of this very attempt (§15.5.2), besides state and PKCE
(RFC 7636). An account belongs to issuer and subject; an e-mail address proves nothing.
"""

import hashlib
import secrets
import time
from typing import Any
from urllib.parse import urlsplit

import jwt
from allauth.socialaccount.adapter import get_adapter
from allauth.socialaccount.models import SocialApp, SocialLogin, SocialToken
from allauth.socialaccount.providers.oauth2.client import OAuth2Error
from allauth.socialaccount.providers.openid_connect.provider import OpenIDConnectProvider
from allauth.socialaccount.providers.openid_connect.views import OpenIDConnectOAuth2Adapter
from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import reverse

from certmate.signin.configuration import OpenIDProvider, is_loopback

ALGORITHMS = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512"]
"""Signatures by a key that the provider alone has; an HMAC's key would be our own secret."""
LEEWAY = 60
"""Seconds by which the two clocks may differ."""
FRESH = 300
"""Seconds since somebody gave credentials at the provider, for it to count as just now."""
_ENDPOINTS = ("authorization_endpoint", "token_endpoint", "jwks_uri")


def configured() -> OpenIDProvider:
    """The provider. Raises Http404 where there is none."""
    provider: OpenIDProvider | None = settings.CERTMATE_OIDC
    if provider is None:
        raise Http404("There is no OpenID Connect provider.")
    return provider


class Provider(OpenIDConnectProvider):  # type: ignore[misc]
    """The configured provider; what it says of e-mail addresses is shown and never relied on."""

    def __init__(self, request: HttpRequest) -> None:
        own = configured()
        # Another issuer's subjects are other people, also after the configuration has changed.
        issued_by = hashlib.sha256(own.issuer.encode()).hexdigest()[:16]
        app = SocialApp(
            provider=self.id,
            provider_id=f"oidc-{issued_by}",
            name=own.name,
            client_id=own.client_id,
            secret=own.client_secret,
            settings={"server_url": own.issuer, "oauth_pkce_enabled": True},
        )
        super().__init__(request, app=app)

    def get_oauth2_adapter(self, request: HttpRequest) -> "IssuerAdapter":
        return IssuerAdapter(request)

    def extract_common_fields(self, data: Any) -> dict[str, Any]:
        """Names, as far as they are text.

        Without the e-mail address, which allauth would look for among the accounts that are here.
        """
        found = super().extract_common_fields(data)
        texts = {name: value for name, value in found.items() if isinstance(value, str)}
        return {**texts, "email": None}

    def extract_email_addresses(self, data: Any) -> list[Any]:
        return []


class IssuerAdapter(OpenIDConnectOAuth2Adapter):  # type: ignore[misc]
    """The conversation with the issuer."""

    def __init__(self, request: HttpRequest) -> None:
        super().__init__(request, "oidc")

    def get_provider(self) -> Provider:
        return Provider(self.request)

    def get_callback_url(self, request: HttpRequest, app: SocialApp) -> str:
        return f"{settings.CERTMATE_BASE_URL}{reverse('oidc_callback')}"

    @property
    def openid_config(self) -> dict[str, Any]:
        if not hasattr(self, "_openid_config"):
            self._openid_config = self._discover()
        return self._openid_config

    @property
    def basic_auth(self) -> bool:
        methods = self.openid_config.get("token_endpoint_auth_methods_supported")
        return "client_secret_post" not in (methods or ["client_secret_basic"])

    def _discover(self) -> dict[str, Any]:
        issuer = configured().issuer
        found = self._get(f"{issuer.rstrip('/')}/.well-known/openid-configuration")
        if found.get("issuer") != issuer:
            raise OAuth2Error("The provider calls itself by another name than CERTMATE_OIDC_ISSUER")
        for name in _ENDPOINTS:
            if not _is_safe(found.get(name)):
                raise OAuth2Error(f"The provider's {name} is no https address")
        return found

    def _get(self, url: str, **headers: str) -> dict[str, Any]:
        with get_adapter().get_requests_session() as session:
            answer = session.get(url, headers=headers)
            answer.raise_for_status()
            found = answer.json()
        if not isinstance(found, dict):
            raise OAuth2Error("The provider's answer is no JSON object")
        return found

    def complete_login(
        self, request: HttpRequest, app: SocialApp, token: SocialToken, **kwargs: Any
    ) -> SocialLogin:
        """What the provider says of the person: claims of the ID token, then of userinfo.

        Raises OAuth2Error for anything that does not hold.
        """
        id_token = kwargs["response"].get("id_token")
        if not isinstance(id_token, str):
            raise OAuth2Error("There is no ID token")
        claims = self._claims(id_token)
        told = self._told(token.token, claims["sub"])
        login = self.get_provider().sociallogin_from_response(
            request, {"userinfo": {**told, **claims}, "id_token": claims}
        )
        end = self.openid_config.get("end_session_endpoint")
        login.oidc_session = {"id_token": id_token, "end": end if _is_safe(end) else ""}
        return login

    def _claims(self, id_token: str) -> dict[str, Any]:
        own = configured()
        try:
            wanted = jwt.get_unverified_header(id_token).get("kid")
            keys = jwt.PyJWKSet.from_dict(self._get(self.openid_config["jwks_uri"])).keys
            key = next(k for k in keys if k.key_id == wanted or (len(keys) == 1 and not wanted))
            claims: dict[str, Any] = jwt.decode(
                id_token,
                key,
                algorithms=ALGORITHMS,
                issuer=own.issuer,
                audience=own.client_id,
                leeway=LEEWAY,
                options={"require": ["iss", "sub", "aud", "exp", "iat"]},
            )
        except (jwt.PyJWTError, StopIteration) as error:
            raise OAuth2Error(f"The ID token does not hold ({type(error).__name__})") from error
        if claims.get("azp", own.client_id) != own.client_id:
            raise OAuth2Error("The ID token is for somebody else")
        return claims

    def _told(self, access_token: str, subject: str) -> dict[str, Any]:
        """What userinfo adds, if it speaks of the same person (Core 1.0 §5.3.2)."""
        url = self.openid_config.get("userinfo_endpoint")
        if not _is_safe(url):
            return {}
        told = self._get(str(url), Authorization=f"Bearer {access_token}")
        if told.get("sub") != subject:
            raise OAuth2Error("The provider speaks of two people")
        return told


def begin(request: HttpRequest, *, next_url: str, confirms: int | None = None) -> HttpResponse:
    """Send the browser to the provider; with `confirms`, to give credentials again there.

    `confirms` is the user who is signed in here and has to be the same person there.
    """
    nonce = secrets.token_urlsafe(24)
    wanted = {"nonce": nonce}
    if confirms is not None:
        wanted |= {"prompt": "login", "max_age": "0"}
    answer: HttpResponse = Provider(request).redirect(
        request, "login", next_url, {"confirms": confirms}, nonce=nonce, auth_params=wanted
    )
    return answer


def claims_of(login: SocialLogin) -> dict[str, Any]:
    """The claims that were verified, ID token over userinfo."""
    found: dict[str, Any] = login.account.extra_data["userinfo"]
    return found


def check_nonce(login: SocialLogin) -> None:
    """Raise PermissionDenied for an ID token that was made for another attempt."""
    expected = login.state.get("nonce") or ""
    given = str(login.account.extra_data["id_token"].get("nonce") or "")
    if not expected or not secrets.compare_digest(expected.encode(), given.encode()):
        raise PermissionDenied("The ID token belongs to another attempt.")


def is_fresh(login: SocialLogin) -> bool:
    """Whether the person gave credentials at the provider just now (`auth_time`)."""
    at = login.account.extra_data["id_token"].get("auth_time")
    return isinstance(at, int) and -LEEWAY <= time.time() - at <= FRESH


def _is_safe(url: object) -> bool:
    parts = urlsplit(url) if isinstance(url, str) else urlsplit("")
    issuer = urlsplit(configured().issuer)
    if parts.scheme == "https":
        return bool(parts.hostname)
    return issuer.scheme == parts.scheme == "http" and is_loopback(parts.hostname or "")
