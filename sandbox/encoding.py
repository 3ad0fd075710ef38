"""An answer as bytes: JSON, gzip where the client takes it, and the head that HTTP/1.1 wants."""

from __future__ import annotations

import functools
import zlib
from email.utils import formatdate
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

import orjson

if TYPE_CHECKING:
    from sandbox.messages import Answer

# Level 1: 26 kB of counts to 5.3 kB; level 6 takes three times as long to save a fifth of that.
_LEVEL: Final = 1
_GZIP: Final = 16
# A window of 16 kB and half of the default tables: no larger an answer, and the packer's memory stays below
# what the allocator gives back to the system each time (44 page faults and 100 µs an answer).
_WINDOW_BITS: Final = 14
_MEMORY_LEVEL: Final = 7


def encode(answer: Answer, *, now: int, accepts_gzip: bool, close: bool, head_only: bool = False) -> bytes:
    """The whole answer. ``now``, epoch seconds, is its ``Date`` where it has no time of its own."""
    body = answer.content if isinstance(answer.content, bytes) else orjson.dumps(answer.content)
    head = [
        f"HTTP/1.1 {answer.status} {HTTPStatus(answer.status).phrase}",
        f"Date: {_date(now if answer.at is None else answer.at)}",
        f"Content-Type: {answer.content_type}",
    ]
    if accepts_gzip and not answer.plain:
        body = _gzip(body)
        head.append("Content-Encoding: gzip")
    head.append(f"Content-Length: {len(body)}")
    head.append("Vary: Accept-Encoding")
    if close:
        head.append("Connection: close")
    head.extend(f"{name}: {value}" for name, value in answer.headers)
    start = "\r\n".join((*head, "\r\n")).encode("latin-1")
    return start if head_only else start + body


def takes_gzip(accept_encoding: str) -> bool:
    """Whether a client that sends this ``Accept-Encoding`` can read gzip."""
    for offer in accept_encoding.lower().split(","):
        coding, _, quality = offer.partition(";")
        if coding.strip() in ("gzip", "x-gzip", "*"):
            return quality.replace(" ", "").rstrip("0").rstrip(".") not in ("q=", "q=0")
    return False


def _gzip(body: bytes) -> bytes:
    packer = zlib.compressobj(_LEVEL, zlib.DEFLATED, _GZIP + _WINDOW_BITS, _MEMORY_LEVEL)
    return packer.compress(body) + packer.flush()


@functools.lru_cache(maxsize=8)
def _date(at: int) -> str:
    return formatdate(at, usegmt=True)
