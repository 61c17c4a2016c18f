"""What certbot's plugins find in this process: themselves, their credentials, their hooks."""

import importlib.metadata
import os
import shlex
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from certbot import errors
from certbot.compat import misc
from certbot.plugins import dns_common

from providers.acme.isolated.network import Journal
from providers.acme.plan import HTTP01_AUTHENTICATOR, RELAY_AUTHENTICATOR
from providers.dns.render import path_of
from providers.dns.tables.own import ACME_DNS_AUTHENTICATOR

_GROUP = "certbot.plugins"
_OWN = {
    HTTP01_AUTHENTICATOR: "providers.acme.isolated.http01:Authenticator",
    RELAY_AUTHENTICATOR: "providers.acme.isolated.relay:Authenticator",
    ACME_DNS_AUTHENTICATOR: "providers.acme.isolated.acmedns:Authenticator",
}
# Certbot itself looks these up; both come with it.
_ALWAYS = ("manual", "null")


class PluginMissing(Exception):
    """The package of the wanted plugin is not installed."""


class HookRefused(Exception):
    """A hook script that is not what an operator puts into the hooks directory."""


def show_only(authenticator: str, package: str) -> importlib.metadata.EntryPoint:
    """Makes certbot see this plugin and no other, and gives it.

    It imports all that are installed, which takes a second, and one broken plugin stops every run.
    """
    original = importlib.metadata.entry_points
    points = [point for point in original(group=_GROUP) if point.name in {authenticator, *_ALWAYS}]
    if authenticator in _OWN:
        points.append(importlib.metadata.EntryPoint(authenticator, _OWN[authenticator], _GROUP))
    found = {point.name: point for point in points}
    if authenticator not in found:
        raise PluginMissing(package)

    def entry_points(**wanted: Any) -> Any:
        if wanted.get("group") == _GROUP:
            return importlib.metadata.EntryPoints(points)
        return original(**wanted)

    importlib.metadata.entry_points = entry_points
    return found[authenticator]


def credential_arguments(files: list[dict[str, str]], directory: Path) -> list[str]:
    """The options that point at the credentials, which are kept in memory where the system can."""
    arguments: list[str] = []
    paths: list[str] = []
    for number, file in enumerate(files):
        content = file["content"]
        for earlier, path in enumerate(paths):
            content = content.replace(path_of(earlier), path)
        paths.append(_private_file(content, directory / f"credentials-{number}"))
        if file["option"]:
            arguments += [file["option"], paths[-1]]
    return arguments


def _private_file(content: str, fallback: Path) -> str:
    if not hasattr(os, "memfd_create"):
        fallback.touch(mode=0o600)
        fallback.write_text(content)
        return str(fallback)
    descriptor = os.memfd_create("credentials")
    os.fchmod(descriptor, 0o600)
    os.write(descriptor, content.encode())
    return f"/proc/self/fd/{descriptor}"


def hook_arguments(hooks: Mapping[str, Any] | None, journal: Journal) -> list[str]:
    """The options that name the hook scripts; their environment is given to them alone."""
    if hooks is None:
        return []
    arguments: list[str] = []
    for kind in ("auth", "cleanup"):
        if hooks[kind]:
            path = resolve_hook(hooks["directory"], hooks[kind])
            arguments += [f"--manual-{kind}-hook", shlex.quote(str(path))]
    _run_hooks_with(hooks["environment"], journal)
    return arguments


def resolve_hook(directory: str, name: str) -> Path:
    """The script of that name. Raises HookRefused unless it is an executable file in there."""
    if not directory:
        raise HookRefused("No hooks directory is configured.")
    path = Path(directory) / name
    if Path(name).name != name or name in (".", ".."):
        raise HookRefused("A hook is named by its file name alone.")
    try:
        found = path.lstat()
    except OSError:
        raise HookRefused(f"{name} is not in the hooks directory.") from None
    if not stat.S_ISREG(found.st_mode) or not os.access(path, os.X_OK):
        raise HookRefused(f"{name} is not an executable regular file.")
    return path.resolve()


def _run_hooks_with(environment: Mapping[str, str], journal: Journal) -> None:
    original = misc.execute_command_status

    def execute(
        name: str, command: str, env: Mapping[str, str] | None = None
    ) -> tuple[int, str, str]:
        # Not in our own environment: it would configure certbot and its TLS as well.
        status, err, out = original(name, command, {**(env or os.environ), **environment})
        # Certbot only logs a hook that failed, and lets the CA look for what is not there.
        if status and name.endswith("auth-hook"):
            last = (err.strip() or out.strip()).splitlines()[-1:] or [""]
            journal.hook_failed = f"It ended with status {status}. {last[0]}"
            raise errors.PluginError(journal.hook_failed)
        return status, err, out

    misc.execute_command_status = execute  # type: ignore[assignment]


def clean_up_only_what_was_tried() -> None:
    """A plugin that fails at the first of a hundred names is not asked to remove the other ones.

    Each such request would wait for a server that has just shown that it does not answer.
    """
    original_perform = dns_common.DNSAuthenticator.perform
    original_cleanup = dns_common.DNSAuthenticator.cleanup
    tried: set[tuple[str, str]] = set()

    def perform(self: Any, achalls: Any) -> Any:
        publish = self._perform

        def note(domain: str, name: str, validation: str) -> None:
            tried.add((name, validation))
            publish(domain, name, validation)

        self._perform = note
        return original_perform(self, achalls)

    def cleanup(self: Any, achalls: Any) -> None:
        original_cleanup(self, [a for a in achalls if _record(a) in tried])

    dns_common.DNSAuthenticator.perform = perform  # type: ignore[method-assign]
    dns_common.DNSAuthenticator.cleanup = cleanup  # type: ignore[method-assign]


def _record(achall: Any) -> tuple[str, str]:
    name = achall.validation_domain_name(achall.identifier.value)
    return name, achall.validation(achall.account_key)


def bound_dns_timeout(authenticator: str, seconds: int) -> None:
    """A dead server is asked twice for each name and again at cleanup: 45 s each is too patient."""
    if authenticator == "dns-rfc2136":
        from certbot_dns_rfc2136._internal import dns_rfc2136

        dns_rfc2136._RFC2136Client.__init__.__defaults__ = (seconds,)
