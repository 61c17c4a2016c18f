"""The create_token command: the token alone on the last line, narrowed as asked."""

import io
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from certmate.access import services
from certmate.access.actors import Actor
from certmate.access.models import ApiToken, Team
from certmate.access.services import PREFIX, find_token
from tests.cast import Cast

pytestmark = pytest.mark.django_db


def run(*words: str) -> str:
    out, err = io.StringIO(), io.StringIO()
    call_command("create_token", *words, stdout=out, stderr=err)
    assert PREFIX not in err.getvalue().replace(ApiToken.objects.latest("id").hint, "")
    return out.getvalue()


def test_the_last_line_is_the_token_alone(cast: Cast) -> None:
    said = run("--user", "operator", "--scope", "read", "--scope", "operate")
    token = find_token(said.splitlines()[-1])
    assert token is not None
    assert token.owner == cast.operator
    assert token.scopes == ["operate", "read"]
    assert token.expires_at is None


def test_every_limit_can_be_given(cast: Cast) -> None:
    for name in ("web", "mail"):
        Team.objects.create(name=name)
    services.create_service_account(actor=Actor.system(), name="ci")
    words = "--service-account ci --scope admin --name deploy --expires-days 90 --agent"
    limits = "--team web --team mail --allow *.dev.example.test www.example.test"
    networks = "--network 192.0.2.0/24 --network 2001:db8::/32 --allow x.example.test"
    run(*words.split(), *limits.split(), *networks.split())
    token = ApiToken.objects.get()
    assert token.owner.get_username() == "ci"
    assert (token.name, token.is_agent) == ("deploy", True)
    assert sorted(team.name for team in token.teams.all()) == ["mail", "web"]
    allowed = ["*.dev.example.test", "www.example.test", "x.example.test"]
    assert token.name_patterns == allowed
    assert token.networks == ["192.0.2.0/24", "2001:db8::/32"]
    assert token.expires_at is not None


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("--user nobody", "no user 'nobody'"),
        ("--service-account nobody", "no service account 'nobody'"),
        ("--user owner --service-account ci", "not allowed with"),
        ("", "required"),
        ("--user owner --team nobody", "no team 'nobody'"),
        ("--user owner --allow *", "label"),
        ("--user owner --network 10.0.0", "no network"),
        ("--user owner --expires-days 0", "in the past"),
        ("--user owner --expires-days 999999999", "calendar"),
        ("--user owner --scope root", "invalid choice"),
    ],
)
def test_what_makes_no_sense_is_told(cast: Cast, words: str, said: str) -> None:
    arguments: list[Any] = ["--scope", "read", *words.split()]
    with pytest.raises(CommandError, match=said):
        call_command("create_token", *arguments)
    assert not ApiToken.objects.exists()
