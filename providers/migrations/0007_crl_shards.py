from typing import Any

from django.db import migrations
from django.utils import timezone


def add_shards(apps: Any, schema_editor: Any) -> None:
    """The CRLs that there are: each is made once more, and then with its delta CRL."""
    keys = apps.get_model("providers", "AuthorityKey").objects.exclude(cert="")
    crls = apps.get_model("providers", "CRL").objects
    shards = apps.get_model("providers", "CRLShard").objects
    now = timezone.now()
    for key in keys.only("first_shard", "crl_shards"):
        times = {
            shard: (begins, ends)
            for shard, begins, ends in crls.filter(key=key)
            .order_by("number")
            .values_list("shard", "this_update", "next_update")
        }
        for shard in range(key.first_shard, key.first_shard + key.crl_shards):
            begins, ends = times.get(shard, (None, None))
            shards.create(key=key, shard=shard, due_at=now, this_update=begins, next_update=ends)


class Migration(migrations.Migration):
    dependencies = [
        ("providers", "0006_answers_due"),
    ]

    operations = [migrations.RunPython(add_shards, migrations.RunPython.noop)]
