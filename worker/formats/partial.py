"""The format of the topic ``<group>.partials``: how the owner of a partition tells the other workers its top.

The key is ``campaign/metric/partition``; a campaign may hold slashes, so it is read from the right. The value
is compact JSON that a person can read:
``{"v":1,"writer":"5f0c…","as_of":1763719740.1,"tracked_posts":812,"entries":[["1991…",41.0,1763719738.0,"anna","…"]]}``
with each entry's Post ID, value, time of measurement, author and text, best first; author and text are left
out where neither is known. Beside ``tracked_posts`` there may be ``"missing":[0.4,0.1,1.5]``, as in
``Missing``. A null value is a tombstone: the partition has no such board.
"""

from __future__ import annotations

from operator import lt, neg
from sys import intern
from typing import TYPE_CHECKING, Any, Final, TypeGuard

import orjson

from worker.formats.ids import read_ids
from worker.formats.own import LARGEST, LONGEST_CAMPAIGN, is_moment, parse_own
from worker.formats.reasons import Reason, show, unreadable
from worker.formats.versions import not_this_version
from worker.model import (
    Campaign,
    MetricName,
    Missing,
    Partial,
    PartialEntry,
    PartialKey,
    Timestamp,
    Unreadable,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from worker.formats.parsing import Json

PARTIAL_VERSION: Final = 1
"""Goes up when a reader of the version before would misread; a field it may ignore is no new version."""

MOST_BYTES: Final = 900_000
"""Brokers take records of 1 MB unless told otherwise. A longer partial goes without authors and texts."""

_BARE: Final = 3
_WHOLE: Final = 5
_NO_WORDS: Final = (None,) * (_WHOLE - _BARE)
_NUMBERS: Final = {int, float}
_WORDS: Final = {str, type(None)}
_MOST_DIGITS: Final = 9
_MISSING_DIGITS: Final = 4
_MOST_POSTS: Final = 1 << 40


def encode_key(key: PartialKey) -> bytes:
    """The key of a partial's record."""
    return f"{key.campaign}/{key.metric}/{key.partition}".encode(errors="replace")


def encode_partial(partial: Partial) -> bytes:
    """The value of a partial's record. With the key, inverse of ``decode_partial``."""
    try:
        value = orjson.dumps(_document(partial, map(_row, partial.entries)))
    except orjson.JSONEncodeError:  # half a surrogate pair in a text
        value = orjson.dumps(_document(partial, (_row(_encodable(entry)) for entry in partial.entries)))
    if len(value) > MOST_BYTES:
        value = orjson.dumps(_document(partial, (entry[:_BARE] for entry in partial.entries)))
    return value


def beginning(writer: str) -> bytes:
    """What each value begins with that this writer wrote: to know it without reading all of it."""
    return orjson.dumps({"v": PARTIAL_VERSION, "writer": writer})[:-1]


def decode_partial(key: bytes | None, value: bytes | None) -> Partial | PartialKey | Unreadable:
    """What a record of the partials topic says; its key alone when it is a tombstone. Never raises.

    ``Unreadable`` with ``partial_version`` means that a newer worker of the group wrote it.
    """
    name = _read_key(key or b"")
    if name is None:
        return unreadable(
            Reason.PARTIAL_MALFORMED, f"key: {show(key)} is not of the form campaign/metric/partition."
        )
    if value is None:
        return name
    document = parse_own(value)
    if not isinstance(document, dict) or document.get("v") != PARTIAL_VERSION:
        return not_this_version(
            document,
            "partial",
            PARTIAL_VERSION,
            newer=Reason.PARTIAL_VERSION,
            malformed=Reason.PARTIAL_MALFORMED,
        )
    return _read(name, document) or unreadable(
        Reason.PARTIAL_MALFORMED, f"the value: {show(value)} is JSON, but no partial."
    )


def _document(partial: Partial, rows: Iterable[tuple[object, ...]]) -> Json:
    missing = partial.missing
    return {
        "v": PARTIAL_VERSION,
        "writer": partial.writer,
        "as_of": partial.as_of,
        "tracked_posts": partial.tracked_posts,
        **({} if missing is None else {"missing": [round(number, _MISSING_DIGITS) for number in missing]}),
        "entries": [(str(row[0]), *row[1:]) for row in rows],
    }


def _row(entry: PartialEntry) -> tuple[object, ...]:
    return entry[:_BARE] if entry.author is None and entry.text is None else entry


def _encodable(entry: PartialEntry) -> PartialEntry:
    words = (
        None if text is None else text.encode(errors="replace").decode()
        for text in (entry.author, entry.text)
    )
    return PartialEntry(*entry[:_BARE], *words)


def _read_key(key: bytes) -> PartialKey | None:
    try:
        campaign, metric, digits = key.decode().rsplit("/", 2)
    except ValueError:  # too few parts, or no UTF-8
        return None
    if not 0 < len(campaign) <= LONGEST_CAMPAIGN or not metric or not _is_number(digits):
        return None
    return PartialKey(Campaign(intern(campaign)), MetricName(intern(metric)), int(digits))


def _is_number(digits: str) -> bool:
    return (
        digits.isdigit() and digits.isascii() and len(digits) <= _MOST_DIGITS and str(int(digits)) == digits
    )


def _read(key: PartialKey, document: Json) -> Partial | None:
    writer, as_of = document.get("writer"), document.get("as_of")
    tracked, rows = document.get("tracked_posts"), document.get("entries")
    if type(writer) is not str or not is_moment(as_of) or type(rows) is not list:
        return None
    if type(tracked) is not int or not 0 <= tracked < _MOST_POSTS:
        return None
    missing = _read_missing(document.get("missing"))
    if isinstance(missing, Unreadable):
        return None
    entries = _read_entries(rows)
    if entries is None:
        return None
    return Partial(key, writer, Timestamp(float(as_of)), tracked, entries, missing)  # type: ignore[arg-type]  # looked at above


def _read_entries(rows: list[list[object]]) -> tuple[PartialEntry, ...] | None:
    """Column by column: members read thousands of rows a second, and one by one takes up to twice as long."""
    if not rows:
        return ()
    if set(map(type, rows)) != {list} or not (widths := set(map(len, rows))) <= {_BARE, _WHOLE}:
        return None
    if _BARE in widths:
        rows = [row if len(row) == _WHOLE else [*row, *_NO_WORDS] for row in rows]
    ids, values, times, authors, texts = zip(*rows, strict=True)
    post_ids = read_ids(ids)
    if post_ids is None or not (_are_floats(values) and _are_floats(times)):
        return None
    values = tuple(map(float, values))
    # What is merged must be in order, and no Post may stand on it twice.
    ranks = list(zip(map(neg, values), post_ids, strict=True))
    if not all(map(lt, ranks, ranks[1:])) or len(set(post_ids)) < len(post_ids):
        return None
    if not (is_moment(min(times)) and is_moment(max(times)) and _are_words(authors) and _are_words(texts)):
        return None
    columns = post_ids, values, map(float, times), _kept_once(authors), _kept_once(texts)
    return tuple(map(PartialEntry._make, zip(*columns, strict=True)))


def _are_floats(column: Sequence[Any]) -> TypeGuard[Sequence[float]]:
    return set(map(type, column)) <= _NUMBERS and min(column) > -LARGEST and max(column) < LARGEST


def _are_words(column: Sequence[Any]) -> TypeGuard[Sequence[str | None]]:
    return set(map(type, column)) <= _WORDS


def _kept_once(words: Iterable[str | None]) -> Iterator[str | None]:
    """A Post stands on many boards."""
    return (None if word is None else intern(word) for word in words)


def _read_missing(value: object) -> Missing | Unreadable | None:
    if value is None:
        return None
    numbers = [_read_float(number) for number in value] if type(value) is list else []
    match numbers:
        case [float(posts), float(unsure), float(together)] if posts >= 0 and unsure >= 0 and together >= 1:
            return Missing(posts, unsure, together)
    return Unreadable(Reason.PARTIAL_MALFORMED, "missing")


def _read_float(number: object) -> float | None:
    if (type(number) is float or type(number) is int) and -LARGEST < number < LARGEST:
        return float(number)
    return None
