"""Two act on one token at the same time."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from django.db import connection

from certmate.access import services
from certmate.access.actors import Actor
from certmate.access.models import ApiToken
from certmate.core.errors import CertMateError
from tests.access.test_tokens import make
from tests.cast import hire

pytestmark = pytest.mark.django_db(transaction=True)


def test_two_who_rotate_one_token_make_one_successor() -> None:
    cast = hire()
    token, _ = make(cast.owner)
    start = Barrier(4)

    def rotate(_: int) -> str:
        try:
            own = ApiToken.objects.get(pk=token.pk)
            start.wait(10)
            services.rotate_token(actor=Actor.of(cast.owner), token=own)
            return "made"
        except CertMateError as error:
            return error.code
        finally:
            connection.close()

    with ThreadPoolExecutor(max_workers=4) as pool:
        ends = sorted(pool.map(rotate, range(4)))
    assert ends == ["made", "token.rotated", "token.rotated", "token.rotated"]
    assert ApiToken.objects.count() == 2
