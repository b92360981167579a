"""What stands between the cells of a CSV file: commas, or what spreadsheet programs of other languages write."""

from collections.abc import Sequence

_DELIMITERS = (",", ";", "\t")


def delimiter_of(header: str) -> str:
    """The mark between the cells of a first line."""
    return max(_DELIMITERS, key=header.count)


def other_delimiter(cells: Sequence[str | None], delimiter: str) -> str:
    """Why a row is one cell where another mark than the header's stands between its values; empty for other rows."""
    text = cells[0] if cells and not any(cells[1:]) else None
    other = next((mark for mark in _DELIMITERS if mark != delimiter and mark in (text or "")), None)
    if other is None:
        return ""
    return f"its cells are apart by {other!r}, those of the first line by {delimiter!r}: use one of them throughout"
