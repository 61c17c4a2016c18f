"""dns-01 answers: put where the CA will look, and watched until the zone's own servers have them.

Certbot's plugins know neither. What is changed is the class of the one plugin that this process
uses: answers of names that delegate by CNAME are handed to it under the name that they have to
stand at, and when it has published, the authoritative servers are asked instead of waiting blindly.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from acme import messages
from certbot import achallenges, errors

from providers.acme.isolated.trouble import NotDelegated, Overfull
from providers.acme.isolated.wire import Channel
from providers.dns.delegation import Reach, objections, overfull, record_of
from providers.dns.lookup import Resolver, Server, Unanswered, until_served
from providers.dns.tables.own import ACME_DNS_AUTHENTICATOR

# A script follows a CNAME or not as its author likes, lego does by itself, acme-dns has no names.
_FOLLOW_THEMSELVES = ("manual", "dns-multi", ACME_DNS_AUTHENTICATOR)


class _Elsewhere(achallenges.KeyAuthorizationAnnotatedChallenge):
    """A challenge whose answer stands at the very name that it is about."""

    def validation_domain_name(self, name: str) -> str:
        return name


@dataclass
class Publishing:
    """What is known about where the answers of one certificate go."""

    channel: Channel
    authenticator: str
    resolver: Resolver
    reach: Reach
    wait: int | None = None
    capacity: int | None = None
    fallback: Sequence[Server] = ()
    ends: dict[str, str] = field(default_factory=dict)
    late: list[Server] = field(default_factory=list)
    is_blind: bool = False

    @classmethod
    def of(cls, request: Mapping[str, Any], channel: Channel) -> "Publishing":
        """As the request says it."""
        publication = request["publication"]
        server = publication["server"]
        return cls(
            channel=channel,
            authenticator=request["authenticator"],
            resolver=Resolver(publication["resolvers"], publication["port"]),
            reach=Reach(publication["zones"], publication["delegated"], publication["target"]),
            wait=publication["wait"],
            capacity=publication["capacity"],
            fallback=[Server(*server)] if server else [],
        )

    def aim(self, names: Sequence[str]) -> None:
        """Find out where the answers for these names have to stand, before anybody is asked for
        anything. Raises NotDelegated and Overfull.
        """
        leads_to = {name: record_of(name) for name in names}
        try:
            for name, record in leads_to.items():
                leads_to[name] = self.resolver.canonical(record)
        except Unanswered:
            self.channel.step("The resolvers do not answer; no CNAME is followed.")
        else:
            if found := objections(self.reach, leads_to):
                raise NotDelegated(found)
        for name, end in leads_to.items():
            if end != record_of(name):
                self.channel.step(f"{record_of(name)} leads to {end}.")
            self.ends[record_of(name)] = end
        if full := overfull(self.capacity, leads_to.values()):
            raise Overfull(full)

    def install(self, plugin: type[Any]) -> None:
        """Change the plugin's class."""
        perform, cleanup = plugin.perform, plugin.cleanup

        def aimed_perform(authenticator: Any, achalls: list[Any]) -> Any:
            try:
                responses = perform(authenticator, [self._aimed(a) for a in achalls])
            except errors.Error:
                raise
            except Exception as error:
                raise errors.PluginError(f"{type(error).__name__}: {error}") from error
            self._watch(achalls)
            return responses

        def aimed_cleanup(authenticator: Any, achalls: list[Any]) -> None:
            cleanup(authenticator, [self._aimed(a) for a in achalls])

        plugin.perform, plugin.cleanup = aimed_perform, aimed_cleanup

    def _aimed(self, achall: Any) -> Any:
        record = achall.validation_domain_name(achall.identifier.value)
        end = self.ends.get(record, record)
        if end == record or self.authenticator in _FOLLOW_THEMSELVES:
            return achall
        identifier = messages.Identifier(typ=messages.IDENTIFIER_FQDN, value=end)
        return _Elsewhere(
            challb=achall.challb, identifier=identifier, account_key=achall.account_key
        )

    def _watch(self, achalls: Sequence[Any]) -> None:
        if not self.wait:
            return
        wanted: dict[str, set[str]] = {}
        for achall in achalls:
            record = achall.validation_domain_name(achall.identifier.value)
            values = wanted.setdefault(self.ends.get(record, record), set())
            values.add(achall.validation(achall.account_key))
        until = time.monotonic() + self.wait
        self.late = []
        for (zone, servers), part in self._by_zone(wanted).items():
            if not servers:
                self.is_blind = True
                continue
            self.channel.step(
                f"Waiting until each name server of {zone} ({len(servers)}) has it, for at most "
                f"{self.wait} s."
            )
            self.late += until_served(servers, part, seconds=until - time.monotonic())
        if self.late:
            late = ", ".join(map(str, self.late))
            self.channel.step(f"Not served yet by {late}; going on.")
        if self.is_blind:
            self.channel.step("The zone's name servers were not found; waiting all the time.")
            time.sleep(max(0.0, until - time.monotonic()))

    def _by_zone(
        self, wanted: Mapping[str, set[str]]
    ) -> dict[tuple[str, tuple[Server, ...]], dict[str, set[str]]]:
        found: dict[tuple[str, tuple[Server, ...]], dict[str, set[str]]] = {}
        for name, values in wanted.items():
            try:
                zone, servers = self.resolver.servers(name)
            except Unanswered:
                zone, servers = name, list(self.fallback)
            found.setdefault((zone, tuple(servers)), {})[name] = values
        return found
