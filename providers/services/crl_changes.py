"""That a CRL has something new to say, written down in the transaction of the change."""

from certmate.core import clock
from certmate.core.jobs import enqueue_on_commit
from providers.models import CRLChange, LedgerEntry

PUBLISH_CRL = "providers.publish_crl"


def note_change(entry: LedgerEntry) -> None:
    """Have the CRL of this line made anew. The row is what counts; the message only hurries."""
    CRLChange.objects.create(
        key_id=entry.key_id, shard=entry.shard, entry=entry, changed_at=clock.now()
    )
    enqueue_on_commit(PUBLISH_CRL, str(entry.key_id), entry.shard)
