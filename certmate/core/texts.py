"""Texts from outside."""


def is_storable(text: str) -> bool:
    """Whether every database takes it: no NUL, and no half of a surrogate pair."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return "\0" not in text
