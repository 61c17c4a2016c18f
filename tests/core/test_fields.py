import json

import pytest
from django.core import serializers
from django.db import connection, models
from django.test.utils import isolate_apps

from certificates.models import OrderKey
from certmate.core.fields import EncryptedJSONField, Sealed
from certmate.core.secrets import SecretUnreadable
from providers.models import DNSAccount
from tests import factories

CANARY = "canary-4f1c"
pytestmark = pytest.mark.django_db


def raw(account: DNSAccount) -> str:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT credentials FROM providers_dnsaccount WHERE name = %s", [account.name]
        )
        return str(cursor.fetchone()[0])


def test_the_database_sees_ciphertext_and_the_attribute_a_dict() -> None:
    account = factories.dns_account(credentials={"tsig_secret": CANARY})
    assert CANARY not in raw(account)
    assert raw(account).startswith("cm1.")
    assert DNSAccount.objects.get().credentials == {"tsig_secret": CANARY}


def test_reading_a_row_opens_nothing_until_the_attribute_is_read() -> None:
    factories.dns_account()
    account = DNSAccount.objects.get()
    assert isinstance(account.__dict__["credentials"], Sealed)


def test_saving_an_unopened_row_keeps_its_token() -> None:
    order = factories.order(factories.certificate())
    OrderKey.objects.create(order=order, csr="", private_key={"pem": CANARY})
    key = OrderKey.objects.get()
    token = key.__dict__["private_key"]
    key.save()
    assert OrderKey.objects.get().__dict__["private_key"] == token


def test_a_deferred_value_is_fetched_and_opened() -> None:
    factories.dns_account(credentials={"tsig_secret": CANARY})
    assert DNSAccount.objects.defer("credentials").get().credentials == {"tsig_secret": CANARY}


def test_a_token_copied_into_another_row_does_not_open() -> None:
    victim = factories.dns_account("victim", credentials={"tsig_secret": CANARY})
    thief = factories.dns_account("thief")
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE providers_dnsaccount SET credentials = %s WHERE name = 'thief'", [raw(victim)]
        )
    with pytest.raises(SecretUnreadable):
        _ = DNSAccount.objects.get(pk=thief.pk).credentials


def test_plain_text_cannot_be_written_or_searched_by_a_query() -> None:
    factories.dns_account()
    with pytest.raises(TypeError):
        DNSAccount.objects.update(credentials={"tsig_secret": CANARY})
    with pytest.raises(TypeError):
        DNSAccount.objects.filter(credentials=CANARY).exists()


def test_a_dump_of_the_data_holds_the_token_only() -> None:
    factories.dns_account(credentials={"tsig_secret": CANARY})
    dump = serializers.serialize("json", DNSAccount.objects.all())
    assert CANARY not in dump
    assert json.loads(dump)[0]["fields"]["credentials"].startswith("cm1.")


@isolate_apps("tests")
def test_a_model_whose_key_the_database_makes_is_refused() -> None:
    class Numbered(models.Model):  # noqa: DJ008 - never shown
        secret = EncryptedJSONField()

        class Meta:
            app_label = "tests"

    assert [message.id for message in Numbered.check()] == ["core.E001"]
