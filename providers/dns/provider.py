"""What a DNS provider's entry in the catalogue is made of. It knows no Django and no certbot."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from certmate.core import parameters
from certmate.core.errors import InvalidRequest
from certmate.core.parameters import Parameter
from providers.dns import rules

Transport = Literal["ini", "environment", "file", "hook", "own"]
Route = Literal["official", "plugin", "multi", "hook", "built-in"]

MULTI = "certbot-dns-multi"
SWITCH = ("false", "true")


@dataclass(frozen=True)
class Credential:
    """One declared parameter and how certbot's plugin calls it.

    A `url` may not lead to a metadata service. What is a `file` reaches the plugin as the path of
    a file in memory with that content. What says which server is believed `is_trust`.
    """

    parameter: Parameter
    key: str = ""
    is_url: bool = False
    is_file: bool = False
    is_trust: bool = False


@dataclass(frozen=True)
class DNSProvider:
    """One kind of DNS account.

    `route` says who speaks to the provider: certbot's own plugin, a maintained one of somebody
    else, the multi-provider plugin, a script, or CertMate itself. `transport` says how the
    credentials reach it: an INI file (with the `fixed` keys and what `derive` makes of the values),
    the environment of the child, a file as it is, a hook script, or in memory.

    `propagation_seconds` is how long a record may take until it is served, None where the plugin
    itself waits. `capacity` is how many values the provider keeps at one name (None: any number);
    `target` names the parameter that all names have to lead to, where there is one. `ambient` names
    the variables that may come from the worker's own environment when `is_ambient` says that the
    account asks for it. `primary` names the parameters that are the zone's server and its port, if
    the account says it. `check` refuses combinations that no single parameter can see.
    """

    slug: str
    label: str
    route: Route
    authenticator: str
    package: str
    credentials: tuple[Credential, ...]
    propagation_seconds: int | None
    docs_url: str
    transport: Transport = "ini"
    fixed: tuple[tuple[str, str], ...] = ()
    arguments: tuple[str, ...] = ()
    derive: Callable[[Mapping[str, str]], dict[str, str]] = lambda values: {}
    capacity: int | None = None
    target: str = ""
    primary: tuple[str, str] | None = None
    ambient: tuple[str, ...] = ()
    is_ambient: Callable[[Mapping[str, str]], bool] = lambda values: (
        values.get("use_ambient_credentials") == "true"
    )
    check: Callable[[Mapping[str, str]], None] = lambda values: None

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        return tuple(credential.parameter for credential in self.credentials)

    @property
    def keys(self) -> dict[str, str]:
        """The plugin's name of each parameter that it has one for."""
        return {c.parameter.name: c.key for c in self.credentials if c.key}

    @property
    def install(self) -> str:
        """The command that brings the plugin into an environment of CertMate's; "" if none is
        needed.
        """
        return "" if self.package == "certbot" else f"pip install {self.package}"

    def moves(self, before: Mapping[str, str], after: Mapping[str, str]) -> bool:
        """Whether a secret that is in both could be sent elsewhere after the change.

        Any value that is no secret may decide that: what looks like a region or the name of a
        tenant becomes part of a host name in some plugin.
        """
        deciding = (c.parameter for c in self.credentials if c.is_trust or not c.parameter.secret)
        return any(before.get(p.name, p.default) != after.get(p.name, p.default) for p in deciding)

    def as_machine(self, values: Mapping[str, str]) -> bool:
        """Whether an account with these values signs in as the machine of the worker."""
        return bool(self.ambient) and self.is_ambient(values)

    def validate(self, values: Mapping[str, Any], *, field: str = "credentials") -> dict[str, str]:
        """The credentials, complete and clean. Raises InvalidRequest naming the wrong one."""
        clean = parameters.validate(self.parameters, values, field=field)
        try:
            for credential in self.credentials:
                if credential.is_url and credential.parameter.name in clean:
                    rules.url(credential.parameter.name, clean[credential.parameter.name])
            self.check(clean)
        except rules.Refused as refusal:
            raise InvalidRequest(
                refusal.detail, code="parameters.invalid", field=f"{field}.{refusal.parameter}"
            ) from None
        return clean


def value(
    name: str, key: str, label: str, help: str = "", /, *, required: bool = True, default: str = ""
) -> Credential:
    """Something that is no secret."""
    return Credential(Parameter(name, label, help, required, default=default), key)


def secret(
    name: str, key: str, label: str, help: str = "", /, *, required: bool = True
) -> Credential:
    """Something that is shown to nobody."""
    return Credential(Parameter(name, label, help, required, secret=True), key)


def choice(
    name: str, key: str, label: str, help: str = "", /, *, choices: tuple[str, ...] = SWITCH
) -> Credential:
    """One of these; the first unless another one is chosen."""
    return Credential(Parameter(name, label, help, default=choices[0], choices=choices), key)


def url(
    name: str, key: str, label: str, help: str = "", /, *, required: bool = True, default: str = ""
) -> Credential:
    """Where an API of one's own is."""
    return Credential(Parameter(name, label, help, required, default=default), key, is_url=True)


def file(
    name: str,
    key: str,
    label: str,
    help: str = "",
    /,
    *,
    required: bool = True,
    is_trust: bool = False,
) -> Credential:
    """A secret of several lines that the plugin reads from a file."""
    parameter = Parameter(name, label, help, required, secret=True, multiline=True)
    return Credential(parameter, key, is_file=True, is_trust=is_trust)
