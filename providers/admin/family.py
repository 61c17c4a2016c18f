"""An authority's place among others as a picture: the CAs above it, itself, those below it.

What the user may not see is not in the picture.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from uuid import UUID

from django.db import models

from certmate.access import policy
from certmate.access.actors import Actor
from certmate.core import clock
from certmate.pki.inspect import describe_certificate, split_chain
from certmate.ui.base import admin_url
from providers.choices import TONES
from providers.models import Authority, AuthorityKey
from providers.services.signing import judged

CHILDREN_SHOWN = 30
_WIDTH, _HEIGHT, _GAP, _INDENT = 286, 58, 14, 24
_LETTERS = 28
_MARGIN = 2


@dataclass(frozen=True)
class Box:
    """One CA. Without a `url` it is somebody else's; `path` leads to it from the one above."""

    title: str
    name: str
    about: str
    tone: str
    state: str
    url: str
    is_self: bool
    x: int
    y: int
    path: str
    width: int = _WIDTH
    height: int = _HEIGHT


@dataclass(frozen=True)
class Picture:
    boxes: Sequence[Box]
    width: int
    height: int
    more: int


@dataclass(frozen=True)
class _CA:
    name: str
    about: str
    tone: str
    state: str
    url: str = ""
    is_self: bool = False


def picture(actor: Actor, authority: Authority) -> Picture:
    """The boxes where they are drawn, the highest CA first."""
    seen = with_keys(policy.visible(actor, Authority.objects.all()))
    above = list(_above(seen, authority))
    below = list(seen.filter(parent=authority).order_by("name")[: CHILDREN_SHOWN + 1])
    shown = [_of(one, authority) for one in (*above, authority)]
    top = above[0] if above else authority
    line = [*_outside(top), *shown]
    boxes = [_box(one, row, row) for row, one in enumerate(line)]
    depth = len(boxes)
    for row, child in enumerate(below[:CHILDREN_SHOWN], start=depth):
        boxes.append(_box(_of(child, authority), row, depth, rows_up=row - depth + 1))
    deepest = max(box.x for box in boxes)
    return Picture(
        boxes=boxes,
        width=deepest + _WIDTH + _MARGIN,
        height=len(boxes) * (_HEIGHT + _GAP) - _GAP + 2 * _MARGIN,
        more=len(below) > CHILDREN_SHOWN,
    )


def with_keys(rows: models.QuerySet[Authority]) -> models.QuerySet[Authority]:
    """The authorities with what their state and expiry follow from, and no more of their keys."""
    keys = AuthorityKey.objects.only("authority_id", "number", "state", "not_after")
    return rows.prefetch_related(models.Prefetch("keys", judged(keys)))


def _above(seen: models.QuerySet[Authority], authority: Authority) -> Iterator[Authority]:
    """The visible ones from the root down."""
    keys: list[UUID] = []
    parent = authority.parent_id
    while parent is not None:
        keys.append(parent)
        parent = Authority.objects.values_list("parent_id", flat=True).get(pk=parent)
    found = {one.pk: one for one in seen.filter(pk__in=keys)}
    return (found[key] for key in reversed(keys) if key in found)


def _of(authority: Authority, current: Authority) -> _CA:
    state, key = authority.state(clock.now()), authority.signing_key()
    until = f", until {key.not_after:%Y-%m-%d}" if key and key.not_after else ""
    return _CA(
        name=authority.name,
        about=f"{authority.get_kind_display()}{until}",
        tone=TONES[state],
        state=str(state.label),
        url=admin_url(authority),
        is_self=authority.pk == current.pk,
    )


def _outside(top: Authority) -> Iterator[_CA]:
    """The CAs elsewhere that the highest of ours hangs from, the root first."""
    key = top.keys.filter(number=_number(top)).only("outside_chain").first()
    chain = key.outside_chain if key else ""
    for pem in reversed(split_chain(chain) if chain else []):
        facts = describe_certificate(pem)
        until = f"Outside CA, until {facts.not_after:%Y-%m-%d}"
        is_over = facts.not_after <= clock.now()
        state, tone = ("Expired", "bad") if is_over else ("Outside", "mute")
        yield _CA(name=facts.subject, about=until, tone=tone, state=state)


def _number(authority: Authority) -> int:
    key = authority.signing_key()
    return key.number if key else 0


def _box(ca: _CA, row: int, depth: int, *, rows_up: int = 1) -> Box:
    x, y = _MARGIN + depth * _INDENT, _MARGIN + row * (_HEIGHT + _GAP)
    middle = y + _HEIGHT // 2
    begins = y - (rows_up - 1) * (_HEIGHT + _GAP) - _GAP
    path = f"M{x - _INDENT // 2} {begins}V{middle}H{x}" if depth else ""
    name = ca.name if len(ca.name) <= _LETTERS else f"{ca.name[: _LETTERS - 1]}…"
    return Box(
        title=ca.name,
        name=name,
        about=ca.about,
        tone=ca.tone,
        state=ca.state,
        url=ca.url,
        is_self=ca.is_self,
        x=x,
        y=y,
        path=path,
    )
