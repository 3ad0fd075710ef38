"""What goes to the dead-letter topic: the record as it was, with why and where from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from worker.intake.ledger import Parcel

if TYPE_CHECKING:
    from worker.intake.clients import Record
    from worker.model import Source, Unreadable

LONGEST_VALUE: Final = 900_000
"""Bytes: brokers take records up to 1 MB unless told otherwise. Of a longer one, the head is kept."""


def dead_letter(topic: str, record: Record, source: Source, why: Unreadable) -> Parcel:
    """The dead letter of a record that could not be read.

    Key and value are the record's. Headers: ``reason``, ``detail``, ``topic``, ``partition``, ``offset``, and
    ``bytes`` (of the whole value) where only its head is kept, ``null`` where there was none. The record's
    own headers follow.
    """
    headers = [
        ("reason", why.reason.encode()),
        ("detail", why.detail.encode(errors="replace")),
        ("topic", source.topic.encode()),
        ("partition", str(source.partition).encode()),
        ("offset", str(source.offset).encode()),
    ]
    value = record.value
    if value is not None and len(value) > LONGEST_VALUE:
        headers.append(("bytes", str(len(value)).encode()))
        value = value[:LONGEST_VALUE]
    room = LONGEST_VALUE // 10
    for name, content in record.headers or ():
        room -= len(name) + len(content or b"")
        if room > 0:
            headers.append((name, content or b""))
    key = record.key if record.key is None or len(record.key) <= LONGEST_VALUE // 10 else None
    if value is None:
        # A null value would be a tombstone here, and a record with neither key nor value cannot be sent.
        headers.append(("null", b"true"))
    return Parcel(topic, key, value or b"", None, headers)
