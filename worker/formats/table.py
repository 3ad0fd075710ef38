"""Post IDs in the rows of a CSV file: which column they stand in, and what other columns say of the Posts."""

from __future__ import annotations

import csv
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from worker.formats.ids import read_id
from worker.formats.reasons import Reason, show, unreadable
from worker.model import Unreadable

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from worker.formats.lines import Line
    from worker.model import PostId

ID_COLUMNS: Final = (
    *("id_str", "tweet_ids", "tweet_id", "post_ids", "post_id", "status_ids", "status_id"),
    *("tweetid", "postid", "ids", "id"),
)
"""Headers of the column with the IDs, the surest first. Lower case, with blanks and hyphens as ``_``."""

NAME_COLUMNS: Final = ("author", "username", "screen_name", "campaign", "campaigns")
"""Headers of the columns that are read beside the IDs: as the fields of these names in a JSON object."""

_DELIMITERS: Final = ("\t", ",", ";")
_FIRST_SNOWFLAKE: Final = 29_700_000_000


def delimiter_of(line: str) -> str | None:
    """What separates the columns of a file with this first line; ``None`` for a file of one column."""
    return next((delimiter for delimiter in _DELIMITERS if delimiter in line), None)


def is_header(cell: str) -> bool:
    """Whether a cell is the header of a column with IDs."""
    return _folded(cell) in ID_COLUMNS


@dataclass(frozen=True, slots=True)
class Row:
    """The ID of a row, or what is wrong with it. ``line``: the number of the line it begins in.

    ``names``: what stands in those of the ``NAME_COLUMNS`` that the file has; blank cells are left out.
    """

    line: int
    post: PostId | Unreadable
    names: Mapping[str, str] = field(default_factory=dict)


def read_table(lines: Iterable[Line], delimiter: str) -> Iterator[Row]:
    """The rows with their IDs.

    A header names the columns. Without one it is the first column that holds an ID of today's size in the
    first row that has any, and rows before that one are unreadable: a smaller number may count anything.
    Where every cell of that row is such an ID, all columns are read.
    """
    columns: list[int] | None = None
    named: dict[str, int] = {}
    for number, row in _rows(lines, delimiter):
        if isinstance(row, Unreadable):
            yield Row(number, row)
        elif columns is None:
            columns, headed = _find_columns(row)
            if columns is None:
                detail = f"row {show(delimiter.join(row))}: {_NO_COLUMN}"
                yield Row(number, unreadable(Reason.BAD_CSV, detail))
            elif headed:
                named = _find_names(row)
            else:
                yield from _read_row(number, row, columns, named)
        else:
            yield from _read_row(number, row, columns, named)


_NO_COLUMN: Final = (
    f"no Post ID of today's size, and no header to name the IDs' column, such as {', '.join(ID_COLUMNS)}."
)


def _read_row(number: int, row: list[str], columns: list[int], named: Mapping[str, int]) -> Iterator[Row]:
    wanted = [row[column] for column in columns if column < len(row)]
    if len(columns) > 1:
        wanted = [cell for cell in wanted if cell.strip()] + row[columns[-1] + 1 :]
    if not wanted:
        detail = f"row {show(row[0])}: {len(row)} columns, and the IDs stand in column {columns[0] + 1}."
        yield Row(number, unreadable(Reason.BAD_CSV, detail))
    names = _names_in(row, named) if named else {}
    for cell in wanted:
        post = read_id(cell, f"column {columns[0] + 1}" if len(columns) == 1 else "a column")
        yield Row(number, post, names)


def _find_names(header: list[str]) -> dict[str, int]:
    """Where the columns with names stand; of several with one name the first."""
    folded = [_folded(cell) for cell in header]
    return {name: folded.index(name) for name in NAME_COLUMNS if name in folded}


def _names_in(row: list[str], named: Mapping[str, int]) -> dict[str, str]:
    """The cells with names. One that is not UTF-8 is passed over; the ID is not lost."""
    found: dict[str, str] = {}
    for name, column in named.items():
        if column < len(row) and (cell := row[column].strip()):
            with suppress(UnicodeDecodeError):
                found[name] = cell.encode("latin-1").decode("utf-8")
    return found


def _find_columns(row: list[str]) -> tuple[list[int] | None, bool]:
    """The columns with IDs, and whether this row is the header that says so."""
    names = [_folded(cell) for cell in row]
    for name in ID_COLUMNS:
        if name in names:
            return [names.index(name)], True
    snowflakes = [column for column, cell in enumerate(row) if _is_snowflake(cell)]
    if len(snowflakes) == sum(1 for cell in row if cell.strip()):
        return snowflakes or None, False
    return snowflakes[:1] or None, False


def _is_snowflake(cell: str) -> bool:
    post_id = read_id(cell, "")
    return not isinstance(post_id, Unreadable) and post_id >= _FIRST_SNOWFLAKE


def _rows(lines: Iterable[Line], delimiter: str) -> Iterator[tuple[int, list[str] | Unreadable]]:
    """The rows, each with the number of its first line.

     A quoted cell may hold line ends. A quote that is never closed would swallow all rows that follow: such a
    row is read again line by line.
    """
    feed = _Feed(lines)
    reader = csv.reader(feed, delimiter=delimiter)
    while True:
        feed.taken.clear()
        try:
            row = next(reader, None)
        except csv.Error:
            row = []
        taken = [*feed.taken]
        yield from feed.take_faults()
        if row is None:
            return
        if not row or (len(taken) > 1 and sum(text.count('"') for _, text in taken) % 2):
            for number, text in taken:
                yield from _lone_row(number, text, delimiter)
        else:
            yield taken[0][0], row


def _lone_row(number: int, text: str, delimiter: str) -> Iterator[tuple[int, list[str] | Unreadable]]:
    try:
        row = next(csv.reader([text], delimiter=delimiter), [])
    except csv.Error as error:
        yield number, unreadable(Reason.BAD_CSV, f"row {show(text)}: {error}.")
    else:
        if any(cell.strip() for cell in row):
            yield number, row


def _folded(cell: str) -> str:
    return cell.strip().strip('"').casefold().replace(" ", "_").replace("-", "_")


class _Feed:
    """Lines for ``csv.reader``, remembering those taken for the row at hand, and the faults met on the way.

    Read as Latin-1, so that no column in another encoding can cost the ID, which is ASCII.
    """

    def __init__(self, lines: Iterable[Line]) -> None:
        self._lines = iter(lines)
        self._faults: list[tuple[int, Unreadable]] = []
        self.taken: list[tuple[int, str]] = []

    def __iter__(self) -> _Feed:
        return self

    def __next__(self) -> str:
        for line in self._lines:
            if isinstance(line.content, bytes):
                text = line.content.decode("latin-1") + "\n"
                self.taken.append((line.number, text))
                return text
            self._faults.append((line.number, line.content))
        raise StopIteration

    def take_faults(self) -> list[tuple[int, Unreadable]]:
        faults, self._faults = self._faults, []
        return faults
