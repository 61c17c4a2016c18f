"""The catalogues of CAs and DNS providers, and the accounts at them."""

from typing import Any

from certmate.rest import catalogue, named
from providers import services
from providers.acme.catalogue import CATALOGUE as CAS
from providers.api.filters import AccountFilter
from providers.api.serializers import (
    CAAccountInput,
    CAAccountOutput,
    CAProviderOutput,
    DNSAccountInput,
    DNSAccountOutput,
    DNSProviderOutput,
)
from providers.dns.catalogue import CATALOGUE as DNS
from providers.models import CAAccount, DNSAccount

_CA_PROVIDERS = catalogue.operations("ca_provider", CAProviderOutput)
_DNS_PROVIDERS = catalogue.operations("dns_provider", DNSProviderOutput)
_FIXED = ("name", "provider")


class CAProviders(catalogue.Catalogue):
    tag = "ca-providers"
    operations = _CA_PROVIDERS[0]
    entries, representation = CAS, CAProviderOutput


class CAProvider(catalogue.CatalogueEntry):
    tag = "ca-providers"
    operations = _CA_PROVIDERS[1]
    entries, representation = CAS, CAProviderOutput


class DNSProviders(catalogue.Catalogue):
    tag = "dns-providers"
    operations = _DNS_PROVIDERS[0]
    entries, representation = DNS, DNSProviderOutput


class DNSProvider(catalogue.CatalogueEntry):
    tag = "dns-providers"
    operations = _DNS_PROVIDERS[1]
    entries, representation = DNS, DNSProviderOutput


class CAAccounts(named.NamedCollection):
    tag = "ca-accounts"
    operations = named.collection("ca_account", CAAccountOutput, CAAccountInput)
    representation = CAAccountOutput
    # The account's own key has no business in memory here.
    queryset = CAAccount.objects.select_related("team").defer("account_key")
    filterset_class = AccountFilter

    def create(self, values: dict[str, Any]) -> CAAccount:
        return services.create_ca_account(actor=self.actor, **values)


class CAAccountByName(named.NamedObject):
    tag = "ca-accounts"
    operations = named.single("ca_account", CAAccountOutput, CAAccountInput)
    representation = CAAccountOutput
    queryset = CAAccount.objects.select_related("team")
    fixed = _FIXED

    def update(self, row: CAAccount, values: dict[str, Any]) -> CAAccount:
        return services.update_ca_account(actor=self.actor, account=row, **values)

    def remove(self, row: CAAccount) -> None:
        services.delete_ca_account(actor=self.actor, account=row)


class DNSAccounts(named.NamedCollection):
    tag = "dns-accounts"
    operations = named.collection("dns_account", DNSAccountOutput, DNSAccountInput)
    representation = DNSAccountOutput
    queryset = DNSAccount.objects.select_related("team")
    filterset_class = AccountFilter

    def create(self, values: dict[str, Any]) -> DNSAccount:
        return services.create_dns_account(actor=self.actor, **values)


class DNSAccountByName(named.NamedObject):
    tag = "dns-accounts"
    operations = named.single("dns_account", DNSAccountOutput, DNSAccountInput)
    representation = DNSAccountOutput
    queryset = DNSAccount.objects.select_related("team")
    fixed = _FIXED

    def update(self, row: DNSAccount, values: dict[str, Any]) -> DNSAccount:
        return services.update_dns_account(actor=self.actor, account=row, **values)

    def remove(self, row: DNSAccount) -> None:
        services.delete_dns_account(actor=self.actor, account=row)
