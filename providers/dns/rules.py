"""What a provider's credentials must obey beyond what each parameter says by itself."""

import base64
import binascii
import re
from collections.abc import Mapping

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
    if "endpoint_url" in values:
        _endpoint(values["endpoint_url"])


def _endpoint(url: str) -> None:
    if fault := endpoint_fault(url):
        raise Refused("endpoint_url", fault)


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
