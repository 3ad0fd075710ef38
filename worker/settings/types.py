"""The kinds of values that settings have, beyond the plain ones."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Annotated, Final

from pydantic import BeforeValidator, PlainSerializer, WithJsonSchema
from pydantic_settings import NoDecode

_UNITS: Final = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_FEW_DAYS: Final = 3
_PART: Final = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|s|m|h|d)")
_DURATION_PATTERN: Final = r"^\s*(\d+(\.\d+)?\s*(ms|s|m|h|d)\s*)+$"


def parse_duration(value: object) -> float:
    """Seconds of ``"48h"``, ``"1h30m"``, ``"250ms"``, or of a bare number of seconds.

    Raises:
        ValueError: for anything else, naming what would be right.
    """
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, int | float) and not isinstance(value, bool):
        seconds = float(value)
    elif isinstance(value, str) and re.match(_DURATION_PATTERN, value):
        seconds = sum(float(number) * _UNITS[unit] for number, unit in _PART.findall(value))
    elif isinstance(value, str) and re.match(r"^\s*\d+(\.\d+)?\s*$", value):
        seconds = float(value)
    else:
        raise ValueError("not a duration; write a number and a unit (ms, s, m, h, d), such as 48h or 1h30m")
    if not 0 <= seconds <= _UNITS["d"] * 3660:
        raise ValueError("a duration is at least 0 and at most ten years")
    return seconds


def write_duration(seconds: float) -> str:
    """The shortest way to write a duration that ``parse_duration`` reads back."""
    if seconds == 0:
        return "0s"
    for unit in ("d", "h", "m", "s", "ms"):
        count = round(seconds / _UNITS[unit], 6)
        if count >= 1 and count == int(count) and not (unit == "d" and count < _FEW_DAYS):
            return f"{int(count)}{unit}"
    return f"{seconds}s"


def _words(value: object) -> object:
    """A list of words from ``"a, b"``, so that the environment needs no JSON."""
    if isinstance(value, str):
        return [word.strip() for word in value.split(",") if word.strip()]
    return value


def _pairs(value: object) -> object:
    """A table from ``"a=x, b=y"``, so that the environment needs no JSON."""
    if not isinstance(value, str):
        return value
    pairs = {}
    for part in value.split(","):
        if not part.strip():
            continue
        name, equals, target = part.partition("=")
        if not equals:
            raise ValueError(f"{part.strip()!r} has no '='; write name=campaign, name=campaign")
        pairs[name.strip()] = target.strip()
    return pairs


Duration = Annotated[
    float,
    BeforeValidator(parse_duration),
    PlainSerializer(write_duration, return_type=str),
    WithJsonSchema(
        {"anyOf": [{"type": "string", "pattern": _DURATION_PATTERN}, {"type": "number", "minimum": 0}]}
    ),
]
Words = Annotated[list[str], NoDecode, BeforeValidator(_words)]
Pairs = Annotated[dict[str, str], NoDecode, BeforeValidator(_pairs)]
