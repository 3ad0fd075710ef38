"""The bytes of a file as lines of bounded length, unpacked on the way when they are gzip.

Streaming: holds one chunk and one line. Damage to the gzip data ends the lines, and is said, not raised.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, BinaryIO, Final

from worker.formats.reasons import Reason, unreadable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from worker.model import Unreadable

_CHUNK: Final = 1 << 18
_GZIP_MAGIC: Final = b"\x1f\x8b"
_BOM: Final = b"\xef\xbb\xbf"
_ANY_GZIP: Final = zlib.MAX_WBITS | 16


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a file, counted from 1, without its line feed; or why there is none."""

    number: int
    content: bytes | Unreadable


class _DamagedError(Exception):
    """The gzip data cannot be read on. Not seen outside this module."""


def read_lines(stream: BinaryIO, max_bytes: int) -> Iterator[Line]:
    """The lines of a file, also of a gzip file. A line longer than ``max_bytes`` is skipped and said to be.

     Raises ``OSError`` where the stream itself cannot be read. A line that gzip damage cuts is not given as a
    line: half an ID would be another ID.
    """
    chunks = _chunks(stream)
    first = next(chunks, b"")
    while len(first) < len(_GZIP_MAGIC) and (more := next(chunks, b"")):
        first += more
    chunks = chain([first], chunks)
    return _split(_unpacked(chunks) if first.startswith(_GZIP_MAGIC) else chunks, max_bytes)


def _split(chunks: Iterator[bytes], max_bytes: int) -> Iterator[Line]:
    number, pending, skipped = 1, b"", 0
    try:
        for chunk in chunks:
            *whole, rest = chunk.split(b"\n")
            for line in whole:
                yield _line(number, pending + line, skipped, max_bytes)
                number, pending, skipped = number + 1, b"", 0
            pending += rest
            if len(pending) > max_bytes:
                skipped, pending = skipped + len(pending), b""
    except _DamagedError as damage:
        yield Line(number, unreadable(Reason.BAD_GZIP, f"{damage}; read on from a whole copy of the file."))
        return
    if pending or skipped:
        yield _line(number, pending, skipped, max_bytes)


def _line(number: int, content: bytes, skipped: int, max_bytes: int) -> Line:
    size = len(content) + skipped
    if size <= max_bytes:
        return Line(number, content.removeprefix(_BOM) if number == 1 else content)
    detail = f"a line of {size} bytes is above the limit of {max_bytes} bytes."
    return Line(number, unreadable(Reason.LINE_TOO_LONG, detail))


def _chunks(stream: BinaryIO) -> Iterator[bytes]:
    """What the stream has, without waiting for a full chunk where it can give less (a pipe)."""
    read = getattr(stream, "read1", stream.read)
    while chunk := read(_CHUNK):
        yield chunk


def _unpacked(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """The members of a gzip file, one after the other; zeros between and after them are padding."""
    unpacker = zlib.decompressobj(_ANY_GZIP)
    started = False
    for packed in chunks:
        left = packed
        while left:
            if not started:
                left = left.lstrip(b"\0")
                started = bool(left)
            try:
                yield unpacker.decompress(left, _CHUNK)
            except zlib.error as error:
                raise _DamagedError(f"damaged gzip data ({error})") from error
            left = unpacker.unconsumed_tail
            if unpacker.eof:
                left, started = unpacker.unused_data, False
                unpacker = zlib.decompressobj(_ANY_GZIP)
    if started:
        raise _DamagedError("the gzip data ends in the middle")
