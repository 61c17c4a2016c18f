from django.urls import path

from certmate.rest.about import Docs, Me, Schema

urlpatterns = [
    path("me", Me.as_view()),
    path("schema", Schema.as_view(), name="schema"),
    path("docs", Docs.as_view()),
]
