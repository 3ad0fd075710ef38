"""What goes to the dead-letter topic: the record as it was, with why and where from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from worker.intake.ledger import Parcel

if TYPE_CHECKING:
    from worker.intake.clients import Record
    from worker.model import Source, Unreadable

LONGEST_RECORD: Final = 1_000_000
"""Bytes: brokers take records up to 1 MiB unless told otherwise. Of a longer value, the head is kept."""

_LONGEST_KEY: Final = 100_000
_LONGEST_HEADERS: Final = 100_000
_SMALLEST_HEAD: Final = 1000


def dead_letter(topic: str, record: Record, source: Source, why: Unreadable) -> Parcel:
    """The dead letter of a record that could not be read.

    Key and value are the record's. After the record's own headers come ``reason``, ``detail``, ``topic``,
    ``partition``, ``offset``; and ``null`` where there was no value, ``bytes`` (of the whole value) where
    only its head is kept, ``key_bytes`` where the key is too long to be kept, ``headers_left_out`` where
    headers are.
    """
    ours = [
        ("reason", why.reason.encode()),
        ("detail", why.detail.encode(errors="replace")),
        ("topic", source.topic.encode()),
        ("partition", str(source.partition).encode()),
        ("offset", str(source.offset).encode()),
    ]
    key, value = record.key, record.value
    if key is not None and len(key) > _LONGEST_KEY:
        ours.append(("key_bytes", str(len(key)).encode()))
        key = None
    if value is None:
        # A null value would be a tombstone here, and a record with neither key nor value cannot be sent.
        ours.append(("null", b"true"))
        value = b""
    theirs = [(name, content or b"") for name, content in record.headers or ()]
    if _size(theirs) > _LONGEST_HEADERS:
        ours.append(("headers_left_out", str(len(theirs)).encode()))
        theirs = []
    room = LONGEST_RECORD - _size(theirs) - _size(ours) - len(key or b"")
    return _cut(Parcel(topic, key, value, None, [*theirs, *ours]), room)


def smaller(letter: Parcel) -> Parcel:
    """The dead letter for brokers that found it too large: half of the value, or what little is needed."""
    size = len(letter.value or b"")
    if size >= _SMALLEST_HEAD:
        return _cut(letter, size // 2)
    # ``reason`` and what follows are ours; the record's headers and key are what is large.
    headers = letter.headers or []
    begin = max(number for number, (name, _) in enumerate(headers) if name == "reason")
    ours = headers[begin:]
    if letter.key is not None:
        ours = [*ours, ("key_bytes", str(len(letter.key)).encode())]
    if begin:
        ours = [*ours, ("headers_left_out", str(begin).encode())]
    return letter._replace(key=None, headers=ours)


def _cut(letter: Parcel, room: int) -> Parcel:
    """With at most so much of the value, and a header on how long it was."""
    value, headers = letter.value or b"", letter.headers or []
    if len(value) <= room:
        return letter
    if headers[-1][0] != "bytes":
        headers = [*headers, ("bytes", str(len(value)).encode())]
    return letter._replace(value=value[:room], headers=headers)


def _size(headers: list[tuple[str, bytes]]) -> int:
    return sum(len(name.encode()) + len(content) + 10 for name, content in headers)
