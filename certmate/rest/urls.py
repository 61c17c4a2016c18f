from django.urls import path

from certmate.rest.about import Docs, Schema
from certmate.rest.access import approvals, explain, grants, roles, service_accounts, teams, tokens
from certmate.rest.access.me import Me
from certmate.rest.audit import views as audit

urlpatterns = [
    path("me", Me.as_view()),
    path("schema", Schema.as_view(), name="schema"),
    path("docs", Docs.as_view()),
    path("access", explain.Access.as_view()),
    path("access/users/<str:username>", explain.UserReach.as_view()),
    path("grants", grants.Grants.as_view()),
    path("teams", teams.Teams.as_view()),
    path("teams/<str:name>", teams.TeamByName.as_view()),
    path("roles", roles.Roles.as_view()),
    path("roles/<str:name>", roles.RoleByName.as_view()),
    path("users/<str:username>/roles", roles.UserRoles.as_view()),
    path("approvals", approvals.Approvals.as_view()),
    path("approvals/<int:pk>", approvals.ApprovalById.as_view()),
    path("approvals/<int:pk>/approve", approvals.Approve.as_view()),
    path("approvals/<int:pk>/reject", approvals.Reject.as_view()),
    path("approvals/<int:pk>/cancel", approvals.Cancel.as_view()),
    path("approval-rules", approvals.Rules.as_view()),
    path("approval-rules/<str:name>", approvals.RuleByName.as_view()),
    path("tokens", tokens.Tokens.as_view()),
    path("tokens/<int:pk>", tokens.TokenById.as_view()),
    path("tokens/<int:pk>/rotate", tokens.RotateToken.as_view()),
    path("service-accounts", service_accounts.ServiceAccounts.as_view()),
    path("service-accounts/<str:name>", service_accounts.ServiceAccountByName.as_view()),
    path("audit", audit.Entries.as_view()),
    path("audit/verify", audit.Verify.as_view()),
    path("audit/export", audit.Export.as_view()),
    path("audit/checkpoints", audit.Checkpoints.as_view()),
    path("audit/consistency", audit.Consistency.as_view()),
    path("audit/<int:pk>", audit.Entry.as_view()),
]
