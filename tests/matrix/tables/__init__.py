"""The tables: who may do what, one line a call. The first line of each names the columns.

A cell is the status of the answer. In tables of the admin a line is a page by the name of its
address and a method, or several where they answer alike.
"""

from collections.abc import Sequence

Row = dict[str, str]


def parse(*texts: str, columns: Sequence[str]) -> dict[str, Row]:
    """The rows by their names; the head of each text abbreviates the names of the columns."""
    rows: dict[str, Row] = {}
    for text in texts:
        head, *lines = [line for line in text.splitlines() if line.strip()]
        told = zip(head.split()[1:], columns, strict=True)
        assert all(full.startswith(short) for short, full in told), head
        for line in lines:
            name, *cells = line.split()
            assert name not in rows, f"Declared twice: {name}"
            rows[name] = dict(zip(columns, cells, strict=True))
    return rows


def shown(name: str, row: Row) -> str:
    """The row as it stands in a table, to compare with it and to paste."""
    return f"{name:34}" + "".join(f"{cell:>5}" for cell in row.values())
