"""Saved searches: each person's own, named by whoever keeps them."""

from urllib.parse import parse_qsl, urlencode

from django.contrib.auth.models import User
from django.db import IntegrityError, transaction

from certmate.audit.models import SavedSearch
from certmate.audit.queries import FILTERS
from certmate.core.errors import Conflict, InvalidRequest

MOST = 50


def save_search(*, owner: User, name: str, query: str) -> SavedSearch:
    """Keep the filters of a query string under a name; the same name again replaces them.

    Raises InvalidRequest for a name or query that makes no sense, Conflict past `MOST` of them.
    """
    kept = [(key, value) for key, value in parse_qsl(query) if key in FILTERS and value]
    search = SavedSearch(owner=owner, name=name.strip(), query=urlencode(kept))
    if not search.name or len(search.name) > 80 or not search.name.isprintable() or not kept:
        raise InvalidRequest(
            "Set a filter, and give a name of at most 80 characters.", code="audit.search"
        )
    search.clean_fields()
    own = SavedSearch.objects.filter(owner=owner)
    try:
        with transaction.atomic():
            if own.filter(name=search.name).update(query=search.query):
                return own.get(name=search.name)
            if own.count() >= MOST:
                raise Conflict(f"At most {MOST} searches are kept.", code="audit.searches")
            search.save()
    except IntegrityError:
        return own.get(name=search.name)
    return search


def delete_search(*, owner: User, pk: int) -> None:
    """Forget one of his own searches; those of others do not exist for him."""
    SavedSearch.objects.filter(owner=owner, pk=pk).delete()
