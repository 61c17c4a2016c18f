"""Turns a DNS account's credentials into what certbot's child needs. Pure: it writes nothing."""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from urllib.parse import urlsplit

from certmate.core.errors import InvalidRequest
from providers.dns import rules
from providers.dns.provider import DNSProvider

# ConfigObj expands %(name)s inside values and has no escape for it; a key that holds the sign does.
_SHORTEST_PART = 8
_PERCENT_KEY = "certmate_percent_sign"


@dataclass(frozen=True)
class CredentialsFile:
    """A file that the child makes in memory; its path becomes the value of `option`.

    Without an option it is one that another file names: `path_of` its place among the files.
    """

    option: str
    content: str = field(repr=False)


def path_of(number: int) -> str:
    """What stands in a file for the path of an earlier one, which the child alone knows."""
    return f"<the path of file {number}>"


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
    variables that are taken from the worker's own environment. `wait` bounds, in seconds, how long
    the child watches whether a record is served; None where the plugin sees to that itself.
    `capacity` is how many values fit at one name, `target` where all names have to lead, `server`
    the zone's own if the account says it, `own` what CertMate's authenticators take, and `hosts`
    are what the account says to call.
    """

    authenticator: str
    package: str
    arguments: tuple[str, ...] = ()
    files: tuple[CredentialsFile, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)
    hooks: Hooks | None = None
    own: Mapping[str, str] = field(default_factory=dict, repr=False)
    secrets: tuple[str, ...] = field(default=(), repr=False)
    ambient: tuple[str, ...] = ()
    wait: int | None = None
    capacity: int | None = None
    target: str = ""
    server: tuple[str, int] | None = None
    hosts: tuple[str, ...] = ()


def render(
    provider: DNSProvider, credentials: Mapping[str, str], propagation: int | None = None
) -> Rendered:
    """What certbot needs for these validated credentials.

    `propagation` in seconds overrides the catalogue's where there is one.
    """
    seconds = provider.propagation_seconds
    rendered = Rendered(
        authenticator=provider.authenticator,
        package=provider.package,
        arguments=provider.arguments,
        secrets=tuple(
            part
            for p in provider.parameters
            if p.secret and p.name in credentials
            for part in _parts(credentials[p.name])
        ),
        ambient=provider.ambient if provider.as_machine(credentials) else (),
        wait=seconds if seconds is None or propagation is None else propagation,
        capacity=provider.capacity,
        target=credentials.get(provider.target, ""),
        server=_server(provider, credentials),
        hosts=tuple(
            str(urlsplit(credentials[c.parameter.name]).hostname)
            for c in provider.credentials
            if c.is_url and c.parameter.name in credentials
        ),
    )
    return _TRANSPORTS[provider.transport](rendered, provider, credentials)


def _parts(secret: str) -> list[str]:
    """The secret and, of a list of NAME:KEY, each key: an error may repeat one alone."""
    parts = re.split(r"[,:]", secret) if "\n" not in secret and "{" not in secret else []
    return [secret, *(part for part in parts if _SHORTEST_PART <= len(part) < len(secret))]


def _server(provider: DNSProvider, credentials: Mapping[str, str]) -> tuple[str, int] | None:
    if provider.primary is None:
        return None
    address, port = (credentials[name] for name in provider.primary)
    return address, int(port)


def _ini(rendered: Rendered, provider: DNSProvider, credentials: Mapping[str, str]) -> Rendered:
    files: list[CredentialsFile] = []
    values = dict(provider.fixed)
    for credential in provider.credentials:
        text = credentials.get(credential.parameter.name)
        if text is None or not credential.key:
            continue
        if credential.is_file:
            files.append(CredentialsFile("", f"{text}\n"))
            text = path_of(len(files) - 1)
        values[credential.key] = text
    values |= provider.derive(credentials)
    files.append(CredentialsFile(f"--{provider.authenticator}-credentials", ini(values)))
    # The child watches instead (`Rendered.wait`).
    unwaited = (f"--{provider.authenticator}-propagation-seconds", "0")
    return replace(rendered, files=tuple(files), arguments=(*unwaited, *rendered.arguments))


def _environment(
    rendered: Rendered, provider: DNSProvider, credentials: Mapping[str, str]
) -> Rendered:
    environment = {
        provider.keys[n]: value for n, value in credentials.items() if n in provider.keys
    }
    if not rendered.ambient:
        # boto3 would ask the metadata service of the machine, and wait for it where there is none.
        environment |= {
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        }
        # Route 53 has no regions, but requests to an endpoint of one's own are signed for one.
        environment.setdefault("AWS_DEFAULT_REGION", "us-east-1")
    return replace(rendered, environment=environment)


def _file(rendered: Rendered, provider: DNSProvider, credentials: Mapping[str, str]) -> Rendered:
    given = [c for c in provider.credentials if c.key and c.parameter.name in credentials]
    options = {c.key: credentials[c.parameter.name] for c in given if not c.is_file}
    return replace(
        rendered,
        files=tuple(
            CredentialsFile(c.key, credentials[c.parameter.name]) for c in given if c.is_file
        ),
        arguments=(
            *(f"--{provider.authenticator}-propagation-seconds", "0"),
            *(part for option in options.items() for part in option),
            *rendered.arguments,
        ),
    )


def _hook(rendered: Rendered, provider: DNSProvider, credentials: Mapping[str, str]) -> Rendered:
    environment = rules.parse_environment(credentials.get("environment", ""))
    return replace(
        rendered,
        hooks=Hooks(credentials["auth_hook"], credentials.get("cleanup_hook", ""), environment),
        secrets=(*rendered.secrets, *environment.values()),
    )


def _own(rendered: Rendered, provider: DNSProvider, credentials: Mapping[str, str]) -> Rendered:
    return replace(rendered, own=dict(credentials))


_TRANSPORTS = {
    "ini": _ini,
    "environment": _environment,
    "file": _file,
    "hook": _hook,
    "own": _own,
}


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
