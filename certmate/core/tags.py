"""Labels that people put on objects."""

from collections.abc import Iterable

from certmate.core.errors import InvalidRequest

MAX_TAGS = 50
MAX_TAG_LENGTH = 64


def clean_tags(tags: Iterable[str]) -> list[str]:
    """The tags without repetition. Raises InvalidRequest (`request.tags`)."""
    clean = list(dict.fromkeys(str(tag).strip() for tag in tags))
    if len(clean) > MAX_TAGS or any(
        not tag or len(tag) > MAX_TAG_LENGTH or not tag.isprintable() for tag in clean
    ):
        raise InvalidRequest(
            f"At most {MAX_TAGS} tags of 1 to {MAX_TAG_LENGTH} printable characters.",
            code="request.tags",
            field="tags",
        )
    return clean
