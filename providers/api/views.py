"""The catalogues of CAs and DNS providers, and the accounts at them."""

from typing import Any

from rest_framework.request import Request
from rest_framework.response import Response

from certmate.access.verbs import Verb
from certmate.rest import catalogue, named
from certmate.rest.serializers import Nothing
from certmate.rest.views import Endpoint, Operation
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
    VerifyDNSAccountInput,
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


class VerifyCAAccount(Endpoint):
    tag = "ca-accounts"
    operations = {
        "POST": Operation("verify_ca_account", {200: CAAccountOutput}, Nothing, fails=(422,))
    }
    queryset = CAAccount.objects.select_related("team")

    def post(self, request: Request, name: str) -> Response:
        """Register it at its CA now, or find it registered there."""
        account = self.find(self.get_queryset(), Verb.CHANGE, name=name)
        self.input(request)
        verified = services.verify_ca_account(actor=self.actor, account=account)
        return Response(CAAccountOutput().represent(verified))


class VerifyDNSAccount(Endpoint):
    tag = "dns-accounts"
    operations = {
        "POST": Operation(
            "verify_dns_account", {200: DNSAccountOutput}, VerifyDNSAccountInput, fails=(422,)
        )
    }
    queryset = DNSAccount.objects.select_related("team")

    def post(self, request: Request, name: str) -> Response:
        """Write a record, see it on the zone's name servers, remove it; the code of a failure says
        which of the three it was. It takes as long as the provider does.
        """
        account = self.find(self.get_queryset(), Verb.CHANGE, name=name)
        values = self.input(request)
        verified = services.verify_dns_account(actor=self.actor, account=account, **values)
        return Response(DNSAccountOutput().represent(verified))
