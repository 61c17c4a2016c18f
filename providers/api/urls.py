from django.urls import path

from providers.api import views

urlpatterns = [
    path("ca-providers", views.CAProviders.as_view()),
    path("ca-providers/<str:slug>", views.CAProvider.as_view()),
    path("dns-providers", views.DNSProviders.as_view()),
    path("dns-providers/<str:slug>", views.DNSProvider.as_view()),
    path("ca-accounts", views.CAAccounts.as_view()),
    path("ca-accounts/<str:name>", views.CAAccountByName.as_view()),
    path("dns-accounts", views.DNSAccounts.as_view()),
    path("dns-accounts/<str:name>", views.DNSAccountByName.as_view()),
]
