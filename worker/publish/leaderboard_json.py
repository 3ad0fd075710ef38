"""A Leaderboard as JSON: the one format of it, on Kafka and over HTTP.

Post IDs are strings, because JavaScript's numbers cannot hold them; times are ISO 8601 in UTC; a count is an
integer.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

import orjson

from worker.board_metrics import board_metric

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from worker.model import Entry, Leaderboard, Timestamp
    from worker.recall import Recall

PER_HOUR_DIGITS: Final = 3
"""Digits after the point of a ``per_hour`` value: what is beyond them is not known anyway."""

RATE_DIGITS: Final = 6
"""Digits after the point of a rate: engagements an impression."""

_LINE_BREAKS: Final = "\x85\u2028\u2029"
"""Those of Unicode that JSON does not escape."""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def leaderboard_json(
    leaderboard: Leaderboard, limit: int | None = None, stamp: tuple[int, int] | None = None
) -> bytes:
    """The whole Leaderboard, or its first ``limit`` entries, as JSON in UTF-8.

    One line, also for a reader that breaks lines wherever Unicode does. ``stamp`` is the epoch and the
    sequence number of a record on Kafka.
    """
    value_of = _VALUE_OF[board_metric(leaderboard.metric).kind]
    body = to_json(
        {
            "campaign": leaderboard.campaign,
            "metric": leaderboard.metric,
            **({} if stamp is None else {"epoch": stamp[0], "sequence": stamp[1]}),
            "as_of": iso_time(leaderboard.as_of),
            "tracked_posts": leaderboard.tracked_posts,
            "audit": audit_of(leaderboard.audit.recall if leaderboard.audit else None),
            "entries": [_entry(entry, value_of) for entry in leaderboard.entries[:limit]],
        }
    )
    return body if body.isascii() else _one_line(body)


def iso_time(at: Timestamp) -> str:
    """``2026-11-20T12:00:00Z``, with milliseconds where the time is not at a whole second."""
    return _iso_time(round(at * 1000))


def audit_of(recall: Recall | None) -> dict[str, float] | None:
    """How right boards are; ``None``: not enough data."""
    return None if recall is None else dict(zip(("recall", "low", "high"), recall.rounded, strict=True))


def to_json(document: object) -> bytes:
    """JSON in UTF-8. What UTF-8 cannot hold (half a surrogate pair of a careless producer) becomes ``?``."""
    try:
        return orjson.dumps(document)
    except orjson.JSONEncodeError:
        return orjson.dumps(_encodable(document))


def _entry(entry: Entry, value_of: Callable[[float], float]) -> dict[str, object]:
    return {
        "rank": entry.rank,
        "post_id": str(entry.post_id),
        "value": value_of(entry.value),
        "measured_at": iso_time(entry.measured_at),
        "change": entry.change,
        "author": entry.author,
        "text": entry.text,
        "url": entry.url,
    }


def _rounded(value: float) -> float:
    return round(float(value), PER_HOUR_DIGITS)


def _rate(value: float) -> float:
    return round(float(value), RATE_DIGITS)


_VALUE_OF: Final[Mapping[str, Callable[[float], float]]] = {
    "count": int,
    "per_hour": _rounded,
    "rate": _rate,
}


def _one_line(body: bytes) -> bytes:
    text = body.decode()
    found = [character for character in _LINE_BREAKS if character in text]
    for character in found:
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text.encode() if found else body


@lru_cache(maxsize=4096)
def _iso_time(milliseconds: int) -> str:
    """Cached: all Posts of one answer were measured at one time, and stand on many boards."""
    at = _EPOCH + timedelta(milliseconds=milliseconds)
    precision = "milliseconds" if milliseconds % 1000 else "seconds"
    return at.isoformat(timespec=precision).removesuffix("+00:00") + "Z"


def _encodable(value: Any) -> Any:  # noqa: ANN401 -- any JSON value
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode("utf-8")
    if isinstance(value, dict):
        return {_encodable(key): _encodable(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_encodable(item) for item in value]
    return value
