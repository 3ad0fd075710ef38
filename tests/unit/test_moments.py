"""Moments as people write them."""

from __future__ import annotations

import pytest

from worker.model import Timestamp
from worker.moments import as_iso, parse_moment

NOW = Timestamp(1_795_262_400.0)  # 2026-11-21T12:00:00Z


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-11-20T00:00Z", "2026-11-20T00:00:00Z"),
        ("2026-11-20T01:00+01:00", "2026-11-20T00:00:00Z"),
        ("2026-11-20", "2026-11-20T00:00:00Z"),
        ("2026-11-20 06:30", "2026-11-20T06:30:00Z"),
        ("2h", "2026-11-21T10:00:00Z"),
        (" 1h30m ", "2026-11-21T10:30:00Z"),
        ("2h ago", "2026-11-21T10:00:00Z"),
        ("1 d ago", "2026-11-20T12:00:00Z"),
        ("0s", "2026-11-21T12:00:00Z"),
    ],
)
def test_times_and_how_long_ago_are_read_and_utc_is_meant_where_nothing_is_said(
    text: str, moment: str
) -> None:
    assert as_iso(parse_moment(text, NOW)) == moment


@pytest.mark.parametrize(
    "text", ["", "ago", "yesterday", "17", "2 weeks", "2026-13-01", "-2h", "9999999d", "2h ago ago"]
)
def test_all_else_is_refused_with_what_would_be_right(text: str) -> None:
    with pytest.raises(ValueError, match=r"is no time; write ISO 8601, such as 2026-11-20T00:00Z"):
        parse_moment(text, NOW)
