"""Who may do what to an object, and why: the page that explains it, and where grants are set.

Rights are set in two steps, so that nobody takes away unseen what somebody had: first for whom,
then, with what is granted now ticked, what. Both are plain addresses and need no script.
"""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib.auth.models import Group, User
from django.core.exceptions import PermissionDenied
from django.db import models, transaction
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.html import format_html
from django.utils.http import urlencode
from django.utils.safestring import SafeString

from certmate.access import explain, services
from certmate.access.verbs import Verb
from certmate.ui.badges import Badge, row
from certmate.ui.facts import Table, link
from certmate.ui.forms import ObjectForm, ServiceForm

if TYPE_CHECKING:
    from certmate.ui.objects import ServiceAdmin

Subject = User | Group


class SubjectForm(ServiceForm):
    """For whom: somebody whom the person at the form knows of."""

    submit_label = "Continue"
    user = forms.CharField(
        max_length=150,
        required=False,
        help_text="A user name, in full.",
        widget=forms.TextInput(attrs={"autocapitalize": "off", "spellcheck": "false"}),
    )
    group = forms.ModelChoiceField(
        Group.objects.none(), required=False, to_field_name="name", label="Or a group"
    )

    def __init__(self, *args: Any, target: models.Model, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.target = target
        field = self.fields["group"]
        assert isinstance(field, forms.ModelChoiceField)  # noqa: S101 - For the type checker.
        known = self.usable(Group.objects.all())
        own = Group.objects.filter(user=self.actor.user)
        named = [way.subject.pk for way in explain.who(target) if isinstance(way.subject, Group)]
        field.queryset = Group.objects.filter(
            models.Q(pk__in=known.values("pk"))
            | models.Q(pk__in=own.values("pk"))
            | models.Q(pk__in=named)
        ).order_by("name")

    def carry_out(self) -> Subject:
        group = self.cleaned_data["group"]
        return services.find_subject(
            actor=self.actor,
            target=self.target,
            user=self.cleaned_data["user"].strip(),
            group=group.name if group else "",
        )


class GrantForm(ObjectForm[models.Model]):
    """What the subject may do by grant: exactly what is ticked.

    What the person at the form does not hold is not offered, and stays as it is.
    """

    submit_label = "Grant exactly this"
    verbs = forms.MultipleChoiceField(required=False, widget=forms.CheckboxSelectMultiple)
    under = forms.MultipleChoiceField(required=False, widget=forms.CheckboxSelectMultiple)

    def __init__(self, *args: Any, subject: Subject, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.subject = subject
        self.kept: dict[str, list[Verb]] = {}
        noun = self.obj._meta.verbose_name
        self._prepare("verbs", f"On this {noun}")
        self._prepare("under", f"On what belongs to this {noun}")

    def _prepare(self, name: str, label: str) -> None:
        is_under = name == "under"
        offered = services.grantable(self.actor, self.obj, under=is_under)
        now = services.granted(self.subject, self.obj, under=is_under)
        self.kept[name] = [verb for verb in now if verb not in offered]
        if not services.known_verbs(type(self.obj), under=is_under):
            del self.fields[name]
            return
        field = self.fields[name]
        assert isinstance(field, forms.MultipleChoiceField)  # noqa: S101 - For the type checker.
        field.label = label
        field.choices = [(verb.value, said(verb)) for verb in offered]
        field.initial = [verb.value for verb in now if verb in offered]
        if self.kept[name]:
            words = ", ".join(said(verb) for verb in self.kept[name])
            field.help_text = f"Stays, because you do not hold it yourself: {words}."
        elif not offered:
            field.help_text = "You hold nothing here that you could grant."

    def carry_out(self) -> None:
        with transaction.atomic():
            for name in ("verbs", "under"):
                if name in self.fields:
                    chosen = [Verb(value) for value in self.cleaned_data[name]]
                    services.set_grants(
                        actor=self.actor,
                        subject=self.subject,
                        target=self.obj,
                        verbs={*chosen, *self.kept[name]},
                        under=name == "under",
                    )


def view(page: "ServiceAdmin[Any]", request: HttpRequest, object_id: str) -> HttpResponse:
    """The page of one object; `?user=` or `?group=` says whose grant is to be set."""
    obj = page.shown_object(request, object_id)
    actor = page.actor(request)
    if not explain.is_legible(actor, obj):
        raise PermissionDenied
    context: dict[str, Any] = {"title": f"Access: {obj}", "original": obj, "address": request.path}
    context["back"] = page.url("change", obj)
    form: GrantForm | None = None
    if page.may(request, Verb.ADMINISTER, obj):
        asked = request.GET if request.GET.get("user") or request.GET.get("group") else None
        choose = SubjectForm(asked, actor=actor, target=obj)
        context["choose"] = choose
        if choose.is_bound and choose.accepted():
            data = request.POST if request.method == "POST" else None
            form = GrantForm(data, actor=actor, obj=obj, subject=choose.result)
            context |= {"form": form, "subject": choose.result}
    if request.method == "POST":
        if form is None:
            raise PermissionDenied
        if form.accepted():
            page.message_user(request, f"The rights of {form.subject} are set.")
            return HttpResponseRedirect(request.path)
    context["tables"] = _tables(obj, request.path if "choose" in context else "")
    return page.page(request, "certmate/access.html", **context)


def said(verb: Verb) -> str:
    """The verb in words: `export key`."""
    return "request" if verb == Verb.REQUEST else verb.replace("_", " ")


def verbs(found: Iterable[Verb]) -> SafeString:
    return row(*(Badge(said(verb), "mute") for verb in found))


def _tables(obj: models.Model, address: str) -> Iterable[Table]:
    ways = [(way.subject, way.verbs, way.why) for way in explain.who(obj)]
    yield _table("Who may do what", ways, address)
    if services.known_verbs(type(obj), under=True):
        under = [(*held, "a grant") for held in explain.granted(obj, under=True)]
        title = f"Who may do what with what belongs to this {obj._meta.verbose_name}"
        yield _table(title, under, address)


def _table(title: str, found: Iterable[tuple[Subject, Iterable[Verb], str]], address: str) -> Table:
    rows = []
    for subject, may, why in sorted(found, key=lambda way: str(way[0]).lower()):
        kind = "group" if isinstance(subject, Group) else "user"
        name = format_html('<span class="name">{}</span> <small>{}</small>', subject, kind)
        cells = [name, verbs(may), why]
        if address:
            cells.append(link(f"{address}?{urlencode({kind: str(subject)})}", "Grant"))
        rows.append(cells)
    headers = ["Who", "May", "Why", *([""] if address else [])]
    return Table(title, headers, rows, empty="Nobody by a grant.")


def reach_table(rows: Iterable[explain.Reach]) -> Table:
    """What a user can do, as his page shows it."""
    cells = [
        (
            reached.kind if reached.target else f"every {reached.kind}",
            reached.target,
            verbs(reached.verbs),
            reached.why,
        )
        for reached in rows
    ]
    return Table("What the user may do", ("Kind", "Object", "May", "Why"), cells, empty="Nothing.")
