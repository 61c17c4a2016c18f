"""What a provider's credentials must obey beyond what each parameter says by itself."""

import base64
import binascii
import json
import re
from collections.abc import Callable, Mapping
from uuid import UUID

from certmate.core.outgoing import endpoint_fault, is_forbidden_address

_HOOK_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,99}")
# A prefix of our own: any other name may change what an interpreter or a library executes.
_VARIABLE = re.compile(r"HOOK_[A-Z0-9_]{1,99}")


class Refused(ValueError):
    """One parameter's value cannot be right; `detail` never repeats a secret."""

    def __init__(self, parameter: str, detail: str) -> None:
        super().__init__(detail)
        self.parameter = parameter
        self.detail = detail


def rfc2136(values: Mapping[str, str]) -> None:
    try:
        forbidden = is_forbidden_address(values["nameserver"])
    except ValueError:
        raise Refused("nameserver", "The DNS server must be an IPv4 or IPv6 address.") from None
    if forbidden:
        raise Refused("nameserver", "A link-local, multicast or empty address serves no zone.")
    if (
        not values["port"].isascii()
        or not values["port"].isdigit()
        or not 1 <= int(values["port"]) <= 65535
    ):
        raise Refused("port", "The port must be a number from 1 to 65535.")
    try:
        secret = base64.b64decode(values["tsig_secret"], validate=True)
    except (binascii.Error, ValueError):
        secret = b""
    if not secret:
        raise Refused("tsig_secret", "The TSIG secret must be base64.")


def cloudflare(values: Mapping[str, str]) -> None:
    pair = [name for name in ("email", "api_key") if name in values]
    if "api_token" in values and pair:
        raise Refused(
            "api_token", "Give either an API token, or an e-mail with the global API key."
        )
    if "api_token" not in values and len(pair) != 2:
        missing = "api_token" if not pair else ({"email", "api_key"} - set(pair)).pop()
        raise Refused(missing, "Give an API token, or both the e-mail and the global API key.")


def route53(values: Mapping[str, str]) -> None:
    keys = [
        name for name in ("access_key_id", "secret_access_key", "session_token") if name in values
    ]
    if values["use_ambient_credentials"] == "true":
        if keys:
            raise Refused(keys[0], "Leave the keys empty when the machine's own role is used.")
    elif "access_key_id" not in values or "secret_access_key" not in values:
        missing = "secret_access_key" if "access_key_id" in values else "access_key_id"
        raise Refused(missing, "Give an access key with its secret, or use the machine's own role.")


def script(values: Mapping[str, str]) -> None:
    for name in ("auth_hook", "cleanup_hook"):
        if name in values and not _HOOK_NAME.fullmatch(values[name]):
            raise Refused(name, "A hook is named by the file name alone, without a folder.")
    parse_environment(values.get("environment", ""))


def parse_environment(text: str) -> dict[str, str]:
    """The KEY=VALUE lines of a hook account. Raises Refused; the text never repeats a value."""
    found: dict[str, str] = {}
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip():
            continue
        name, separator, value = line.partition("=")
        name = name.strip()
        if not separator or not _VARIABLE.fullmatch(name):
            raise Refused("environment", f"Line {number} is not HOOK_NAME=VALUE in upper case.")
        found[name] = value.strip()
    return found


def url(name: str, text: str) -> None:
    """Raises Refused for what is no http or https URL, or leads to a metadata service."""
    if fault := endpoint_fault(text):
        raise Refused(name, fault)


def host(name: str, text: str) -> None:
    """Raises Refused for what is no host name or address, or one of a metadata service."""
    if any(c in text for c in "/@?# "):
        raise Refused(name, "Give the host alone, without https:// and path.")
    url(name, f"https://{text}")


def uuid(name: str, text: str) -> None:
    """Raises Refused for what is no UUID."""
    try:
        UUID(text)
    except ValueError:
        raise Refused(name, "This must be a UUID.") from None


def json_object(name: str, text: str) -> None:
    """Raises Refused for what is no JSON object."""
    _object(name, text)


def _object(name: str, text: str) -> dict[str, object]:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise Refused(name, "This must be the JSON document as the provider made it.")
    return found


def one_of(*sets: tuple[str, ...]) -> Callable[[Mapping[str, str]], None]:
    """A check that one of these sets of parameters is complete."""

    def check(values: Mapping[str, str]) -> None:
        if any(all(name in values for name in names) for names in sets):
            return
        begun = [names for names in sets if any(name in values for name in names)] or sets
        missing = next(name for name in begun[0] if name not in values)
        raise Refused(missing, f"Give {' or '.join(' with '.join(names) for names in sets)}.")

    return check


def google(values: Mapping[str, str]) -> None:
    is_given = "service_account_key" in values
    if values["use_ambient_credentials"] == "true":
        if is_given:
            raise Refused(
                "service_account_key", "Leave it empty when the machine's own account is used."
            )
    elif not is_given:
        raise Refused(
            "service_account_key", "Give a service account's key, or use the machine's own account."
        )
    if is_given:
        _own_key("service_account_key", values["service_account_key"])


def _own_key(name: str, text: str) -> None:
    # Other types name files and addresses, whose content the library sends wherever they say.
    if _object(name, text).get("type") != "service_account":
        raise Refused(name, 'This must be the key of a service account: its "type" says so.')


def azure(values: Mapping[str, str]) -> None:
    zones = listed(values["zone"])
    if not zones or any(":" in zone or "/" in zone for zone in zones):
        raise Refused("zone", "Give the names of the zones, separated by commas.")
    for name in ("subscription_id", "resource_group"):
        if "/" in values[name] or ":" in values[name]:
            raise Refused(name, "Give the name alone, not a resource path.")
    if values["identity"] == "service-principal":
        for name in ("tenant_id", "client_id", "client_secret"):
            if name not in values:
                raise Refused(name, "A service principal needs tenant, client and its secret.")
    elif "client_secret" in values:
        raise Refused("client_secret", "This identity needs no secret.")


def acme_dns(values: Mapping[str, str]) -> None:
    subdomain, full = values["subdomain"], values["fulldomain"].rstrip(".").lower()
    if not full.startswith(f"{subdomain.lower()}.") or "." not in full.removeprefix(subdomain):
        raise Refused("fulldomain", "The full domain begins with the subdomain.")


def listed(text: str) -> list[str]:
    """The parts of a list that is separated by commas."""
    return [part.strip() for part in text.split(",") if part.strip()]
