"""Secrets in the shapes in which programs print them."""

import base64
import json
from urllib.parse import quote_plus

import pytest

from providers.acme.redaction import MASK, Redactor, Tail

SECRET = 'p@ss/w0rd +"ü"'


@pytest.mark.parametrize(
    "shape",
    [
        SECRET,
        quote_plus(SECRET),
        base64.b64encode(SECRET.encode()).decode(),
        base64.urlsafe_b64encode(SECRET.encode()).decode().rstrip("="),
        json.dumps(SECRET)[1:-1],
        repr(SECRET)[1:-1],
    ],
)
def test_a_secret_is_found_in_every_shape(shape: str) -> None:
    assert Redactor([SECRET])(f"before {shape} after") == f"before {MASK} after"


def test_a_key_is_found_line_by_line() -> None:
    key = "-----BEGIN PRIVATE KEY-----\nMIGHAgEAMBMG\nByqGSM49AgEG\n-----END PRIVATE KEY-----\n"
    redacted = Redactor([key])("it says ByqGSM49AgEG and MIGHAgEAMBMG")
    assert redacted == f"it says {MASK} and {MASK}"


def test_a_longer_secret_is_replaced_as_a_whole() -> None:
    assert Redactor(["token", "token-and-more"])("token-and-more") == MASK


def test_words_too_short_to_be_secrets_stay() -> None:
    assert Redactor(["no", ""])("no such zone") == "no such zone"


def test_a_secret_that_arrives_in_two_pieces_is_found() -> None:
    tail = Tail(Redactor(["secret-value"]))
    for piece in (b"the secret-", b"value is here\nand ", b"secret-value"):
        tail.feed(piece)
    assert tail.text() == f"the {MASK} is here\nand {MASK}"


def test_only_the_last_lines_are_kept_and_none_of_them_in_part() -> None:
    tail = Tail(Redactor(["secret-value"]), limit=100)
    for number in range(50):
        tail.feed(f"line {number} secret-value\n".encode())
    lines = tail.text().splitlines()
    assert lines[-1] == f"line 49 {MASK}"
    assert all(line.startswith("line ") for line in lines)
    assert len(tail.text()) <= 100


def test_a_line_without_end_is_left_out() -> None:
    tail = Tail(Redactor(["secret-value"]), limit=100)
    for _ in range(50):
        tail.feed(b"secret-value" * 10)
    tail.feed(b"\nlast\n")
    assert tail.text() == "[a line of 6000 bytes is left out]\nlast"


def test_bytes_that_are_no_text_are_no_obstacle() -> None:
    tail = Tail(Redactor([]))
    tail.feed(b"\xff\xfe\r\n")
    assert tail.text() == "\ufffd\ufffd"
