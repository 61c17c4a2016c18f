"""What the pure parts refuse becomes an error of the input's field."""

import pytest

from certmate.core.errors import InvalidRequest, invalid_input
from certmate.pki.errors import PKIError


@pytest.mark.parametrize(("part", "field"), [("", "csr"), ("subject.O", "subject.O")])
def test_a_refusal_names_the_part_that_is_wrong_or_else_the_whole_input(
    part: str, field: str
) -> None:
    with pytest.raises(InvalidRequest) as refused, invalid_input("csr"):
        raise PKIError("No.", code="subject.invalid", field=part)
    assert (refused.value.field, refused.value.code) == (field, "subject.invalid")
    assert refused.value.detail == "No."
