"""Name constraints of CAs that others made, whose forms are not all those of RFC 5280."""

import pytest
from cryptography import x509

from certmate.pki.alt_names import parse_alt_names
from certmate.pki.constraints import first_violation, from_extension


@pytest.mark.parametrize(
    ("side", "tree", "name", "is_allowed"),
    [
        ("permitted", ".corp.test", "a.corp.test", True),
        ("permitted", ".corp.test", "b.a.corp.test", True),
        ("permitted", ".corp.test", "*.corp.test", True),
        ("permitted", ".corp.test", "acorp.test", False),
        ("permitted", ".corp.test", "a.evil.test", False),
        ("permitted", ".CORP.test", "a.corp.test", True),
        ("permitted", "", "a.corp.test", True),
        ("excluded", ".evil.test", "a.evil.test", False),
        ("excluded", ".evil.test", "*.evil.test", False),
        ("excluded", ".evil.test", "*.test", False),
        ("excluded", ".evil.test", "a.corp.test", True),
        ("excluded", "", "a.corp.test", False),
    ],
)
def test_a_leading_dot_and_every_name(side: str, tree: str, name: str, is_allowed: bool) -> None:
    trees = [x509.DNSName(tree)]
    limits = from_extension(
        x509.NameConstraints(
            permitted_subtrees=trees if side == "permitted" else None,
            excluded_subtrees=trees if side == "excluded" else None,
        )
    )
    found = first_violation(limits, parse_alt_names(dns=[name]))
    assert found == (None if is_allowed else ("dns", name))


def test_no_mail_at_all() -> None:
    limits = {"excluded": {"email": [""]}}
    assert first_violation(limits, parse_alt_names(email=["jane@corp.test"]))
    assert first_violation(limits, parse_alt_names(dns=["corp.test"])) is None
