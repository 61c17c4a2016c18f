"""What the documentation promises to be complete, is."""

import re
from pathlib import Path

import pytest

from providers.acme.remedies import FAILURES

PROJECT = Path(__file__).resolve().parents[1]
PACKAGES = ("certmate", "certificates", "clients", "providers", "storage")
CODE = re.compile(r"(?:\bcode=|default_code[^=]*= )\"([a-z0-9_]+(?:\.[a-z0-9_]+)*)\"")


def test_every_error_code_is_documented_and_no_other() -> None:
    documented = set(
        re.findall(r"^\| `([^`]+)`", (PROJECT / "docs/errors.md").read_text(), re.MULTILINE)
    )
    source = "".join(
        path.read_text() for package in PACKAGES for path in (PROJECT / package).rglob("*.py")
    )
    raised = set(FAILURES) | {code for code in CODE.findall(source) if "." in code}
    assert documented >= raised, sorted(raised - documented)
    # The API makes some codes from the last part alone.
    forms = {code: (f'"{code}"', f'"{code.rpartition(".")[2]}"') for code in documented}
    assert not [code for code, form in forms.items() if not any(f in source for f in form)]


@pytest.mark.parametrize("code", sorted(FAILURES))
def test_the_documented_remedy_is_the_one_that_is_shown(code: str) -> None:
    failure = FAILURES[code]
    again = "yes" if failure.error.retryable else "no"
    row = f"| `{code}` | {again} | {failure.summary} | {failure.remedy} |"
    assert row in (PROJECT / "docs/errors.md").read_text()


def test_every_relative_link_of_the_documentation_leads_somewhere() -> None:
    for page in [PROJECT / "README.md", *(PROJECT / "docs").rglob("*.md")]:
        for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text()):
            assert (page.parent / target).exists(), f"{page.name}: {target}"


def test_the_readme_stays_short() -> None:
    lines = (PROJECT / "README.md").read_text().splitlines()
    assert len(lines) <= 150
    first_screen = "\n".join(lines[:40])
    assert "make run" in first_screen
    assert "make test" in first_screen
