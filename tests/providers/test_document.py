from providers.dns.catalogue import CATALOGUE
from tests.providers import document


def test_the_page_of_providers_is_fresh() -> None:
    assert document.PAGE.read_text() == document.page(), "python -m tests.providers.document"


def test_what_is_called_proven_is_in_the_catalogue() -> None:
    assert document.PROVEN.keys() <= CATALOGUE.keys()
