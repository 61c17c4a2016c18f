"""The site as a whole: who sees which pages, and what the overview answers."""

from datetime import timedelta

import pytest
from django.contrib import admin
from django.contrib.auth.models import Group, User
from django.test import Client
from guardian.shortcuts import assign_perm

from certificates.models import Certificate
from certmate.core import clock
from certmate.ui.base import PolicyAdmin
from certmate.ui.site import GROUPS
from providers.models import CAAccount
from tests import factories
from tests.cast import Cast
from tests.ui.pages import page, queries, signed_in, text


def groups(user: User) -> dict[str, list[str]]:
    context = signed_in(user).get("/admin/").context
    return {group["name"]: [p["name"] for p in group["models"]] for group in context["app_list"]}


def test_pages_are_grouped_by_job(cast: Cast) -> None:
    seen = groups(cast.owner)
    assert tuple(seen) == GROUPS
    assert seen["Certificates"] == ["Certificates", "Orders"]
    access = ["Approvals", "API tokens", "Service accounts", "Users", "Roles and groups", "Teams"]
    assert seen["Access"] == [*access, "Approval rules"]
    assert seen["Schedules"] == ["Periodic tasks", "Intervals", "Crontabs"]


def test_everybody_sees_the_pages_of_what_he_may_see(cast: Cast) -> None:
    assert list(groups(cast.operator)) == ["Certificates", "Accounts", "Storage"]
    assert list(groups(cast.auditor)) == ["Certificates", "Accounts", "Storage", "Audit"]
    assert groups(cast.outsider) == {}
    assign_perm("certificates.view_certificate", cast.outsider, factories.certificate())
    assert groups(cast.outsider) == {"Certificates": ["Certificates", "Orders"]}


def test_a_grant_through_a_group_counts(cast: Cast) -> None:
    team = Group.objects.create(name="team")
    cast.outsider.groups.add(team)
    assign_perm("certificates.view_certificate", team, factories.certificate())
    assert "Certificates" in groups(cast.outsider)


def test_every_page_asks_the_policy_and_hides_no_row_behind_a_count() -> None:
    for model, own in admin.site._registry.items():
        assert isinstance(own, PolicyAdmin), model
        assert own.nav_group in GROUPS
        assert own.date_hierarchy is None
        assert not own.show_full_result_count
        assert own.list_per_page == 50


def test_the_overview_counts_what_needs_somebody(cast: Cast) -> None:
    now = clock.now()
    for days in (3, 20, 60):
        certificate = factories.certificate(f"d{days}.example.test")
        factories.version(certificate, not_after=now + timedelta(days=days))
    paused = factories.certificate("paused.example.test", paused_at=now)
    factories.order(paused, state="failed", finished_at=now)
    factories.order(paused)
    answers = signed_in(cast.auditor).get("/admin/").context["answers"]
    assert [answer.count for answer in answers] == [1, 2, 1, 1, 1]
    for answer in answers:
        rows = signed_in(cast.auditor).get(answer.url).context["cl"].result_count
        assert rows == answer.count, answer.label


def test_the_overview_counts_only_what_may_be_seen(cast: Cast) -> None:
    factories.certificate("paused.example.test", paused_at=clock.now())
    answers = signed_in(cast.outsider).get("/admin/").context["answers"]
    assert {answer.count for answer in answers} == {0}


def test_the_overview_takes_fifteen_queries_beside_those_of_the_session(cast: Cast) -> None:
    assert queries(signed_in(cast.owner), "/admin/") <= 2 + 15


def test_the_overview_says_where_to_begin(cast: Cast) -> None:
    (hint,) = signed_in(cast.owner).get("/admin/").context["hints"]
    assert hint.url == page(CAAccount, "add")
    assert not signed_in(cast.auditor).get("/admin/").context["hints"]
    factories.ca_account()
    assert not signed_in(cast.owner).get("/admin/").context["hints"]


@pytest.mark.parametrize("path", ["/admin/", "/admin/certificates/certificate/"])
def test_nothing_is_shown_to_who_has_not_signed_in(db: None, path: str) -> None:
    response = Client().get(path)
    assert response.status_code == 302
    assert "login" in response.headers["Location"]


def test_history_is_the_audit_log(cast: Cast) -> None:
    certificate = factories.certificate()
    response = signed_in(cast.owner).get(page(certificate, "history"), follow=True)
    entries = response.context["cl"].result_list
    assert {entry.object_pk for entry in entries} == {str(certificate.pk)}


def test_pages_of_errors_have_the_look_of_the_site(cast: Cast) -> None:
    html = text(
        signed_in(cast.owner).get(page(Certificate(pk=4711)), headers={"accept": "text/html"})
    )
    assert "certmate/theme.css" in html
