"""Moments as people write them for a command. UTC where nothing else is said."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Final

from worker.model import Timestamp
from worker.settings.types import parse_duration

_AGO: Final = re.compile(r"((?:\d+(?:\.\d+)?\s*(?:ms|s|m|h|d)\s*)+)(?:\s*ago)?")
_RIGHT: Final = (
    "write ISO 8601, such as 2026-11-20T00:00Z or 2026-11-20, or how long ago, such as 2h, 1h30m or '2h ago'"
)


def parse_moment(text: str, now: Timestamp) -> Timestamp:
    """The moment that a text says; ``now`` is what ``2h ago`` is counted back from.

    Raises:
        ValueError: it says none; tells what would be right.
    """
    text = text.strip()
    try:
        if ago := _AGO.fullmatch(text):
            return Timestamp(now - parse_duration(ago[1]))
        moment = datetime.fromisoformat(text)
        return Timestamp((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp())
    except (ValueError, OverflowError):
        raise ValueError(f"{text!r} is no time; {_RIGHT}") from None


def as_iso(moment: Timestamp) -> str:
    """A moment to the second: ``2026-11-20T00:00:00Z``."""
    return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
