"""The bytes of a file as lines of bounded length, unpacked on the way when they are gzip.

Streaming: holds one chunk and one line. Damage to the gzip data ends the lines, and is said, not raised.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, BinaryIO, Final, cast

import numpy as np
import orjson

from worker.formats.reasons import Reason, unreadable
from worker.model import MAX_POST_ID

if TYPE_CHECKING:
    from collections.abc import Iterator

    from worker.model import IntArray, Unreadable

_CHUNK: Final = 1 << 18
_GZIP_MAGIC: Final = b"\x1f\x8b"
_BOM: Final = b"\xef\xbb\xbf"
_ANY_GZIP: Final = zlib.MAX_WBITS | 16


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a file, counted from 1, without its line feed; or why there is none."""

    number: int
    content: bytes | Unreadable


@dataclass(frozen=True, slots=True)
class PlainIds:
    """Lines that each hold nothing but the digits of a Post ID; the first of them is line ``number``."""

    number: int
    post_ids: IntArray


class _DamagedError(Exception):
    """The gzip data cannot be read on. Not seen outside this module."""


def read_lines(stream: BinaryIO, max_bytes: int) -> Iterator[Line]:
    """The lines of a file, also of a gzip file. A line longer than ``max_bytes`` is skipped and said to be.

     Raises ``OSError`` where the stream itself cannot be read. A line that gzip damage cuts is not given as a
    line: half an ID would be another ID.
    """
    # None but lines, since nobody asks for blocks.
    return cast("Iterator[Line]", iter(LinesOrBlocks(stream, max_bytes)))


class LinesOrBlocks:
    """The same lines; while ``in_blocks`` is true, those that are plain IDs come as arrays, at a tenth.

    The first line always comes as a line: it says what the file is.
    """

    def __init__(self, stream: BinaryIO, max_bytes: int) -> None:
        self.in_blocks = False
        self._chunks = _contents(stream)
        self._max_bytes = max_bytes

    def __iter__(self) -> Iterator[Line | PlainIds]:
        number, pending, skipped = 1, b"", 0
        try:
            for chunk in self._chunks:
                rest = chunk
                if number == 1 and b"\n" in chunk:
                    first, _, rest = chunk.partition(b"\n")
                    yield _line(number, pending + first, skipped, self._max_bytes)
                    number, pending, skipped = 2, b"", 0
                if self.in_blocks and not skipped and (end := rest.rfind(b"\n") + 1):
                    post_ids = plain_ids(pending + rest[:end])
                    if post_ids is not None:
                        yield PlainIds(number, post_ids)
                        number, pending = number + len(post_ids), rest[end:]
                        continue
                *whole, rest = rest.split(b"\n")
                for line in whole:
                    yield _line(number, pending + line, skipped, self._max_bytes)
                    number, pending, skipped = number + 1, b"", 0
                pending += rest
                if len(pending) > self._max_bytes:
                    skipped, pending = skipped + len(pending), b""
        except _DamagedError as damage:
            detail = f"{damage}; read on from a whole copy of the file."
            yield Line(number, unreadable(Reason.BAD_GZIP, detail))
            return
        if pending or skipped:
            yield _line(number, pending, skipped, self._max_bytes)


def plain_ids(content: bytes) -> IntArray | None:
    """The Post IDs of whole lines that hold one each, as plain digits; ``None`` if any line does not."""
    if b"\r" in content:
        content = content.replace(b"\r\n", b"\n")
    if content.translate(None, b"0123456789\n"):
        return None
    try:
        # Empty lines, leading zeros and numbers of any length end here: JSON has no such numbers.
        numbers = orjson.loads(b"[" + content[:-1].replace(b"\n", b",") + b"]")
        return np.array(numbers, dtype=np.int64) if numbers and _are_ids(numbers) else None
    except orjson.JSONDecodeError:
        return None


def _are_ids(numbers: list[int]) -> bool:
    return min(numbers) > 0 and max(numbers) <= MAX_POST_ID


def _contents(stream: BinaryIO) -> Iterator[bytes]:
    """The bytes of a file in pieces, unpacked where it is gzip."""
    chunks = _chunks(stream)
    first = next(chunks, b"")
    while len(first) < len(_GZIP_MAGIC) and (more := next(chunks, b"")):
        first += more
    chunks = chain([first], chunks)
    return _unpacked(chunks) if first.startswith(_GZIP_MAGIC) else chunks


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
