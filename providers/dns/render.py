"""Turns a DNS account's credentials into what certbot's child needs. Pure: it writes nothing."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field

from certmate.core.errors import InvalidRequest
from providers.dns import rules
from providers.dns.catalogue import DNSProvider

# ConfigObj expands %(name)s inside values and has no escape for it; a key that holds the sign does.
_PERCENT_KEY = "certmate_percent_sign"


@dataclass(frozen=True)
class CredentialsFile:
    """A file that the child makes in memory; its path becomes the value of `option`."""

    option: str
    content: str = field(repr=False)


@dataclass(frozen=True)
class Hooks:
    """Names of scripts in the hooks directory ("" for none), and the environment for them alone."""

    auth: str
    cleanup: str
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)


@dataclass(frozen=True)
class Rendered:
    """What one certbot run needs to prove control of names through a DNS account.

    `secrets` are the values that may appear nowhere outside the child; `ambient` are the names of
    variables that are taken from the worker's own environment.
    """

    authenticator: str
    package: str
    arguments: tuple[str, ...] = ()
    files: tuple[CredentialsFile, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)
    hooks: Hooks | None = None
    secrets: tuple[str, ...] = field(default=(), repr=False)
    ambient: tuple[str, ...] = ()


def render(
    provider: DNSProvider, credentials: Mapping[str, str], propagation: int | None = None
) -> Rendered:
    """What certbot needs for these validated credentials.

    `propagation` in seconds overrides the catalogue's where the plugin takes one.
    """
    secrets = tuple(
        credentials[p.name] for p in provider.parameters if p.secret and p.name in credentials
    )
    if provider.transport == "hook":
        return _hook(provider, credentials, secrets)
    if provider.transport == "environment":
        return _environment(provider, credentials, secrets)
    option = f"--{provider.authenticator}"
    seconds = provider.propagation_seconds if propagation is None else propagation
    values = {provider.keys[name]: value for name, value in credentials.items()}
    return Rendered(
        authenticator=provider.authenticator,
        package=provider.package,
        arguments=() if seconds is None else (f"{option}-propagation-seconds", str(seconds)),
        files=(CredentialsFile(f"{option}-credentials", ini(values)),),
        secrets=secrets,
    )


def _environment(
    provider: DNSProvider, credentials: Mapping[str, str], secrets: tuple[str, ...]
) -> Rendered:
    ambient = credentials.get("use_ambient_credentials") == "true"
    environment = {
        provider.keys[n]: value for n, value in credentials.items() if n in provider.keys
    }
    if not ambient:
        # boto3 would ask the metadata service of the machine, and wait for it where there is none.
        environment |= {
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        }
        # Route 53 has no regions, but requests to an endpoint of one's own are signed for one.
        environment.setdefault("AWS_DEFAULT_REGION", "us-east-1")
    return Rendered(
        authenticator=provider.authenticator,
        package=provider.package,
        environment=environment,
        secrets=secrets,
        ambient=provider.ambient if ambient else (),
    )


def _hook(
    provider: DNSProvider, credentials: Mapping[str, str], secrets: tuple[str, ...]
) -> Rendered:
    environment = rules.parse_environment(credentials.get("environment", ""))
    return Rendered(
        authenticator=provider.authenticator,
        package=provider.package,
        hooks=Hooks(credentials["auth_hook"], credentials.get("cleanup_hook", ""), environment),
        secrets=(*secrets, *environment.values()),
    )


def ini(values: Mapping[str, str]) -> str:
    """A ConfigObj file with exactly these keys, whatever the values contain."""
    lines = [
        f"{key} = {quote(value.replace('%(', f'%({_PERCENT_KEY})s('))}"
        for key, value in values.items()
    ]
    if any("%(" in value for value in values.values()):
        lines.append(f'{_PERCENT_KEY} = "%"')
    return "\n".join(lines) + "\n"


def quote(value: str) -> str:
    """The value as ConfigObj reads it back; that format has four quotes and no backslash."""
    if any(ord(c) < 32 or c in "\x7f\x85\u2028\u2029" for c in value):
        raise InvalidRequest(
            "A credential has a line break or control character.", code="parameters.invalid"
        )
    for mark in ('"', "'"):
        if mark not in value:
            return f"{mark}{value}{mark}"
    for mark in ("'''", '"""'):
        if mark not in value:
            return f"{mark}{value}{mark}"
    raise InvalidRequest("A credential has too many kinds of quotes.", code="parameters.invalid")
