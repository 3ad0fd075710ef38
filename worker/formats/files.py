"""Files of Post IDs, as ``top-tweets produce`` takes them: text, CSV, JSON, JSON Lines, and gzip of each.

 What a file is, its first line says; its name does not matter. Line formats are streamed, a JSON document is
held. Nothing is lost in silence: each row, line or item is one reading. Blank lines and headers are none.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, BinaryIO, Final, cast

from worker.formats.details import included
from worker.formats.lines import Line, LinesOrBlocks, PlainIds, read_lines
from worker.formats.parsing import parse_json
from worker.formats.reasons import Reason, unreadable
from worker.formats.record import RecordReader
from worker.formats.rules import ReadingRules
from worker.formats.shapes import find_id
from worker.formats.table import delimiter_of, is_header, read_table
from worker.model import Sighting, Timestamp, Unreadable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from worker.formats.parsing import Json
    from worker.formats.table import Row
    from worker.model import Reading

LISTS: Final = ("results", "statuses", "data", "tweets", "tweet_ids")
"""Fields under which search answers and requests hold their Posts."""

_LONGEST_LINE: Final = 1 << 28
_JSON_STARTS: Final = (b"{", b"[")


@dataclass(frozen=True, slots=True)
class FileRecord:
    """One reading of a file: the line it began in, and of a list in JSON the item, both counted from 1."""

    name: str
    line: int
    item: int | None
    reading: Reading

    @property
    def place(self) -> str:
        """Where it stood, for people: ``posts.json line 1 item 7``."""
        return f"{self.name} line {self.line}" + (f" item {self.item}" if self.item is not None else "")


def read_post_ids(
    stream: BinaryIO,
    name: str,
    *,
    at: Timestamp,
    rules: ReadingRules | None = None,
    max_line_bytes: int = _LONGEST_LINE,
) -> Iterator[FileRecord]:
    """Everything in a file, in its order. ``at`` becomes the Sightings' ``seen_at``.

     ``max_line_bytes`` also bounds a JSON document. Raises ``OSError`` where the stream cannot be read;
    whatever the stream holds raises nothing.
    """
    file = _File(name, RecordReader(rules or ReadingRules()), at)
    lines = (line for line in read_lines(stream, max_line_bytes) if not _is_blank(line))
    for first in lines:
        if isinstance(first.content, Unreadable):
            yield FileRecord(name, first.number, None, first.content)
        else:
            yield from _read_file(file, first, first.content, lines, max_line_bytes)
            return


def read_in_blocks(
    stream: BinaryIO, name: str, *, at: Timestamp, rules: ReadingRules | None = None
) -> Iterator[FileRecord | PlainIds]:
    """The same, but lines of a text file that are IDs and nothing else come as arrays, as many as there are.

    For who needs no Sighting of each: a tenth of the cost.
    """
    file = _File(name, RecordReader(rules or ReadingRules()), at)
    source = LinesOrBlocks(stream, _LONGEST_LINE)
    read = iter(source)
    # No blocks come before they are asked for.
    lines = (line for line in cast("Iterator[Line]", read) if not _is_blank(line))
    for first in lines:
        if isinstance(first.content, Unreadable):
            yield FileRecord(name, first.number, None, first.content)
        elif not _is_one_id_a_line(first.content):
            yield from _read_file(file, first, first.content, lines, _LONGEST_LINE)
            return
        else:
            source.in_blocks = True
            if not is_header(first.content.decode("latin-1")):
                yield from file.read_line(first)
            for line in read:
                if isinstance(line, PlainIds):
                    yield line
                elif not _is_blank(line):
                    yield from file.read_line(line)
            return


def _is_blank(line: Line) -> bool:
    return isinstance(line.content, bytes) and (not line.content or line.content.isspace())


def _is_one_id_a_line(first: bytes) -> bool:
    return not first.lstrip().startswith(_JSON_STARTS) and delimiter_of(first.decode("latin-1")) is None


def _read_file(
    file: _File, first: Line, content: bytes, rest: Iterator[Line], max_bytes: int
) -> Iterator[FileRecord]:
    """The file whose first line, with what it holds, is given."""
    text = content.decode("latin-1")
    if content.lstrip().startswith(_JSON_STARTS):
        yield from _read_json_file(file, first, content, rest, max_bytes)
    elif delimiter := delimiter_of(text):
        for row in read_table(chain([first], rest), delimiter):
            yield FileRecord(file.name, row.line, None, file.read_row(row))
    else:
        for line in rest if is_header(text) else chain([first], rest):
            yield from file.read_line(line)


def _read_json_file(
    file: _File, first: Line, content: bytes, rest: Iterator[Line], max_bytes: int
) -> Iterator[FileRecord]:
    """JSON Lines when the first line is JSON, or is damaged and the next begins like one; else a document."""
    if isinstance(parse_json(content), Unreadable):
        second = next(rest, None)
        if second is not None:
            rest = chain([second], rest)
            if not isinstance(second.content, bytes) or not second.content.startswith(b"{"):
                yield from _read_document(file, chain([first], rest), max_bytes)
                return
    for line in chain([first], rest):
        yield from file.read_line(line)


def _read_document(file: _File, lines: Iterator[Line], max_bytes: int) -> Iterator[FileRecord]:
    """A JSON document over several lines: read whole, since its IDs may stand anywhere."""
    parts: list[bytes] = []
    size, number = 0, 1
    for line in lines:
        number = line.number if not parts else number
        if isinstance(line.content, Unreadable):
            yield FileRecord(file.name, line.number, None, line.content)
            continue
        size += len(line.content) + 1
        if size > max_bytes:
            detail = f"a JSON document above the limit of {max_bytes} bytes; JSON Lines may be of any size."
            yield FileRecord(file.name, line.number, None, unreadable(Reason.TOO_BIG, detail))
            return
        parts.append(line.content)
    yield from file.read_document(number, parse_json(b"\n".join(parts)))


@dataclass(frozen=True, slots=True)
class _File:
    """How the parts of one file are read."""

    name: str
    reader: RecordReader
    at: Timestamp

    def read_line(self, line: Line) -> Iterator[FileRecord]:
        """A line by itself: an ID, a record of any shape, or a list or an answer with many Posts."""
        content = line.content
        if isinstance(content, Unreadable):
            yield FileRecord(self.name, line.number, None, content)
        elif content.lstrip().startswith(_JSON_STARTS):
            yield from self.read_document(line.number, parse_json(content.strip()))
        else:
            yield FileRecord(
                self.name, line.number, None, self.reader.read(content, None, (), self.name, self.at)
            )

    def read_row(self, row: Row) -> Reading:
        """A row of a table: where it has names beside the ID, as an object with both."""
        if isinstance(row.post, Unreadable):
            return row.post
        if row.names:
            return self._read({"id_str": str(row.post), **row.names})
        return Sighting(row.post, (), self.at)

    def read_document(self, number: int, document: object) -> Iterator[FileRecord]:
        """A parsed document, or the reason why it is none."""
        if isinstance(document, Unreadable):
            yield FileRecord(self.name, number, None, document)
        elif (items := _items_of(document)) is None:
            yield FileRecord(self.name, number, None, self._read(document))
        else:
            for item, value in enumerate(items, start=1):
                yield FileRecord(self.name, number, item, self._read(value))

    def _read(self, value: object) -> Reading:
        return self.reader.read_json(value, (), self.name, self.at)


def _items_of(document: object) -> list[object] | None:
    """The Posts of a list or of an answer that holds one; ``None`` for a document that is a Post itself."""
    if isinstance(document, list):
        return document
    if not isinstance(document, dict) or find_id(document)[1] is not None:
        return None
    for name in LISTS:
        if isinstance(items := document.get(name), list):
            return list(_with_includes(items, document)) if name == "data" else items
    return None


def _with_includes(items: list[object], answer: Json) -> Iterator[object]:
    """The Posts of a v2 answer as its stream would send them: each with the users and Posts that it names."""
    users = {user.get("id"): user for user in included(answer, "users") if isinstance(user.get("id"), str)}
    posts = {post.get("id"): post for post in included(answer, "tweets") if isinstance(post.get("id"), str)}
    for item in items:
        if not isinstance(item, dict):
            yield item
            continue
        references = item.get("referenced_tweets")
        named = [
            posts[reference["id"]]
            for reference in (references if isinstance(references, list) else ())
            if isinstance(reference, dict)
            and isinstance(reference.get("id"), str)
            and reference["id"] in posts
        ]
        authors = [post.get("author_id") for post in (item, *named)]
        accounts = [users[author] for author in authors if isinstance(author, str) and author in users]
        yield {"data": item, "includes": {"tweets": named, "users": accounts}}
