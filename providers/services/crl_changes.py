"""That a CRL has something to say, written down in the transaction of the change."""

from certmate.core import clock
from certmate.core.jobs import enqueue_on_commit
from providers.models import Authority, AuthorityKey, CRLChange, CRLShard, LedgerEntry

PUBLISH_CRL = "providers.publish_crl"
PUBLISH_CRLS = "providers.publish_crls"
PUBLISH_DUE = "providers.publish_due"


def add_crls(key: AuthorityKey) -> None:
    """Have the CRLs of a key made that has its certificate now, in the caller's transaction."""
    now = clock.now()
    rows = [CRLShard(key=key, shard=shard, due_at=now) for shard in key.shards]
    CRLShard.objects.bulk_create(rows, ignore_conflicts=True)
    enqueue_on_commit(PUBLISH_DUE)


def publish_anew(authority: Authority) -> None:
    """Have the sweep make all CRLs of the authority, in the caller's transaction."""
    CRLShard.objects.filter(key__authority=authority).update(due_at=clock.now())
    enqueue_on_commit(PUBLISH_DUE)


def note_change(entry: LedgerEntry) -> None:
    """Have the CRL of this line made anew. The row is what counts; the message only hurries."""
    CRLChange.objects.create(
        key_id=entry.key_id, shard=entry.shard, entry=entry, changed_at=clock.now()
    )
    enqueue_on_commit(PUBLISH_CRL, str(entry.key_id), entry.shard)
