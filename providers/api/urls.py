from django.urls import path

from certmate.core import clock
from certmate.rest import health, metrics
from providers.api import authorities, ledger, profiles, views
from providers.api.metrics import revocation_metrics
from providers.services import revocation_health
from providers.services.ocsp import health as ocsp_health

metrics.register(revocation_metrics)
health.NUMBERS["crl"] = lambda: revocation_health.overall().numbers(clock.now())
health.NUMBERS["ocsp"] = lambda: ocsp_health.health().numbers(clock.now())

urlpatterns = [
    path("ca-providers", views.CAProviders.as_view()),
    path("ca-providers/<str:slug>", views.CAProvider.as_view()),
    path("dns-providers", views.DNSProviders.as_view()),
    path("dns-providers/<str:slug>", views.DNSProvider.as_view()),
    path("ca-accounts", views.CAAccounts.as_view()),
    path("ca-accounts/<str:name>", views.CAAccountByName.as_view()),
    path("ca-accounts/<str:name>/verify", views.VerifyCAAccount.as_view()),
    path("dns-accounts", views.DNSAccounts.as_view()),
    path("dns-accounts/<str:name>", views.DNSAccountByName.as_view()),
    path("dns-accounts/<str:name>/verify", views.VerifyDNSAccount.as_view()),
    path("profiles", profiles.Profiles.as_view()),
    path("profiles/<str:name>", profiles.ProfileByName.as_view()),
    path("authorities", authorities.Authorities.as_view()),
    path("authorities/import", authorities.ImportAuthority.as_view()),
    path("authorities/<str:name>", authorities.AuthorityByName.as_view()),
    path("authorities/<str:name>/intermediate", authorities.CreateIntermediate.as_view()),
    path("authorities/<str:name>/rotate", authorities.RotateAuthority.as_view()),
    path("authorities/<str:name>/certificate", authorities.AuthorityCertificate.as_view()),
    path("authorities/<str:name>/chain", authorities.AuthorityChain.as_view()),
    path("authorities/<str:name>/csr", authorities.AuthorityCSR.as_view()),
    path("authorities/<str:name>/publish-crl", authorities.PublishCRLs.as_view()),
    path("authorities/<str:name>/ledger", ledger.Ledger.as_view()),
    path("authorities/<str:name>/ledger/<str:serial>", ledger.LedgerEntryBySerial.as_view()),
    path("authorities/<str:name>/ledger/<str:serial>/revoke", ledger.RevokeEntry.as_view()),
    path("authorities/<str:name>/ledger/<str:serial>/release", ledger.ReleaseEntry.as_view()),
]
