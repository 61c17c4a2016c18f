"""A row of the log as bytes, always the same ones: what marks and leaf hashes are made over.

The form is JSON with sorted keys, no white space and ASCII only (like RFC 8785, but numbers are
written as Python does). `plain` sees to it that what is written comes back from SQLite and
PostgreSQL as it was.
"""

import json
import re
from collections.abc import Mapping, Sequence
from ipaddress import ip_address
from math import isfinite
from typing import Any

from certmate.audit.notes import instant
from certmate.core.parameters import MASK

VERSION = 1

EVENT_COLUMNS = (
    "name",
    "at",
    "actor_kind",
    "actor_id",
    "actor_name",
    "token_id",
    "token_label",
    "object_kind",
    "object_pk",
    "request_id",
    "order_id",
    "address",
    "reason",
)
ENTRY_COLUMNS = (
    "id",
    "content_type_id",
    "object_pk",
    "object_id",
    "object_repr",
    "serialized_data",
    "action",
    "changes_text",
    "changes",
    "actor_id",
    "cid",
    "remote_addr",
    "remote_port",
    "timestamp",
    "additional_data",
    "actor_email",
)
TIMESTAMP = ENTRY_COLUMNS.index("timestamp")
JSON_PLACES = tuple(
    ENTRY_COLUMNS.index(name) for name in ("serialized_data", "changes", "additional_data")
)

_SECRET_NAME = re.compile(
    r"(?i)(^|_)(password|passphrase|passwd|secret|private_key|hmac_key|api_key|credentials?)$"
)
_SECRET_TEXT = re.compile(
    r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)"
    r"|\bcm_[A-Za-z0-9_-]{20,}",
    re.DOTALL,
)
_encode = json.JSONEncoder(sort_keys=True, separators=(",", ":"), allow_nan=False).encode
_quoted = json.encoder.encode_basestring_ascii


def plain(value: Any) -> Any:
    """The value as JSON that both databases give back unchanged.

    jsonb keeps numbers as decimals (so 1e2 would come back as 100) and takes no NUL.
    """
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, float):
        return _number(value)
    if isinstance(value, Mapping):
        return {text(str(key)): plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(inner) for inner in value]
    return text(str(value))


def masked(details: Any) -> Any:
    """The details without the values of what is called a secret."""
    if isinstance(details, list):
        return [masked(inner) for inner in details]
    if not isinstance(details, dict):
        return details
    return {
        name: MASK if inner and _SECRET_NAME.search(name) else masked(inner)
        for name, inner in details.items()
    }


def text(value: str) -> str:
    """Without what PostgreSQL refuses (NUL, lone surrogates), and without anything secret."""
    if "\x00" in value:
        value = value.replace("\x00", "\N{REPLACEMENT CHARACTER}")
    if not value.isascii():
        value = value.encode("utf-8", "replace").decode()
    if "PRIVATE KEY" in value or "cm_" in value:
        value = _SECRET_TEXT.sub(MASK, value)
    return value


def _number(value: float) -> int | float | str:
    if not isfinite(value):
        return str(value)
    return int(value) if value == int(value) else value


def compose(event: Sequence[Any], entry: Sequence[Any]) -> bytes:
    """The row as it is sealed and exported, from its columns in the order of the constants; times
    are texts of `instant`, JSON columns texts of `canonical_json`.

    What stands in both tables appears once; where the tables differ, that appears as well, so that
    no mark fits it. Raises TypeError for a value that is not of its column's type.

    Written out because a verification does this a million times; it is what a JSON encoder with
    sorted keys writes, and a test says so.
    """
    name, at, kind, actor_id, actor, token_id, token, object_kind, key = event[:9]
    request, order, address, reason = event[9:]
    pk, content_type, _, object_id, shown, snapshot, action, text_, changes = entry[:9]
    _, _, _, port, _, data, email = entry[9:]
    odd = _differences(event, entry)
    differing = f'"odd":{_encode(odd)},' if odd else ""
    return (
        f'{{"action":{_whole(action)},"actor":{_quoted(actor)},"actor_email":{_optional(email)},'
        f'"actor_id":{_whole(actor_id)},"actor_kind":{_quoted(kind)},"address":{_quoted(address)},'
        f'"at":{_quoted(at)},"changes":{changes},"changes_text":{_quoted(text_)},'
        f'"content_type":{_whole(content_type)},"details":{data},"event":{_quoted(name)},'
        f'"id":{_whole(pk)},"object":{_quoted(shown)},"object_id":{_whole(object_id)},'
        f'"object_kind":{_quoted(object_kind)},"object_pk":{_quoted(key)},{differing}'
        f'"order_id":{_whole(order)},"port":{_whole(port)},"reason":{_quoted(reason)},'
        f'"request_id":{_quoted(request)},"snapshot":{snapshot},"token":{_quoted(token)},'
        f'"token_id":{_quoted(token_id)},"v":{VERSION}}}'
    ).encode("ascii")


def canonical_json(value: Any) -> str:
    """The text of a JSON column's value."""
    return _encode(value)


def _whole(value: int | None) -> str:
    return "null" if value is None else int.__repr__(value)


def _optional(value: str | None) -> str:
    return "null" if value is None else _quoted(value)


def _differences(event: Sequence[Any], entry: Sequence[Any]) -> list[str]:
    odd = []
    if entry[13] != event[1]:
        odd.append("timestamp")
    if entry[2] != event[8]:
        odd.append("object_pk")
    # Deleting an account takes it out of auditlog's row; the plain values of ours stay.
    if entry[9] is not None and entry[9] != event[3]:
        odd.append("actor_id")
    if (entry[10] or "") != event[9]:
        odd.append("cid")
    if (entry[11] or "") != event[11] and not _is_same(entry[11], event[11]):
        odd.append("remote_addr")
    return odd


def _is_same(one: str | None, other: str) -> bool:
    """PostgreSQL writes some IPv6 addresses in another form."""
    try:
        return ip_address(one or "") == ip_address(other)
    except ValueError:
        return False


def of_objects(event: Any, entry: Any) -> bytes:
    """The bytes of a row from its two objects in memory."""
    told = [getattr(event, name) for name in EVENT_COLUMNS]
    told[1], told[2] = instant(told[1]), str(told[2])
    values = [getattr(entry, name) for name in ENTRY_COLUMNS]
    for place in JSON_PLACES:
        values[place] = canonical_json(values[place])
    values[TIMESTAMP] = instant(values[TIMESTAMP])
    return compose(told, values)
