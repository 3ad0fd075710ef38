"""The kinds of values that settings have, beyond the plain ones."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Final

from pydantic import BeforeValidator, PlainSerializer, WithJsonSchema

if TYPE_CHECKING:
    from pydantic.fields import FieldInfo

_UNITS: Final = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_FEW_DAYS: Final = 3
_PART: Final = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|s|m|h|d)")
_SIZE_UNITS: Final = {
    "": 1,
    "B": 1,
    "kB": 10**3,
    "MB": 10**6,
    "GB": 10**9,
    "TB": 10**12,
    "KiB": 2**10,
    "MiB": 2**20,
    "GiB": 2**30,
    "TiB": 2**40,
}
_SIZE: Final = re.compile(r"\s*(\d{1,15}(?:\.\d{1,15})?)\s*(B|[kMGT]B|[KMGT]iB|)\s*")
_LARGEST_SIZE: Final = 10**15
_LAST_MOMENT: Final = 253_402_300_799.0
"""The end of the year 9999."""
_DURATION_PATTERN: Final = r"^\s*(\d+(\.\d+)?\s*(ms|s|m|h|d)\s*)+$"


def parse_duration(value: object) -> float:
    """Seconds of ``"48h"``, ``"1h30m"``, ``"250ms"``, or of a bare number of seconds.

    Raises:
        ValueError: for anything else, naming what would be right.
    """
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, int | float) and not isinstance(value, bool):
        seconds = value
    elif isinstance(value, str) and re.match(_DURATION_PATTERN, value):
        seconds = sum(float(number) * _UNITS[unit] for number, unit in _PART.findall(value))
    elif isinstance(value, str) and re.match(r"^\s*\d+(\.\d+)?\s*$", value):
        seconds = float(value)
    else:
        raise ValueError("not a duration; write a number and a unit (ms, s, m, h, d), such as 48h or 1h30m")
    if not 0 <= seconds <= _UNITS["d"] * 3660:
        raise ValueError("a duration is at least 0 and at most ten years")
    return float(seconds)


def write_duration(seconds: float) -> str:
    """The shortest way to write a duration, such that ``parse_duration`` reads the same number back."""
    if seconds == 0:
        return "0s"
    for unit in ("d", "h", "m", "s", "ms"):
        count = round(seconds / _UNITS[unit])
        if count < 1 or (unit == "d" and count < _FEW_DAYS):
            continue
        if count * _UNITS[unit] == seconds:
            return f"{count}{unit}"
    return f"{Decimal(repr(seconds)):f}s"


def parse_size(value: object) -> int:
    """Bytes of ``"2GiB"``, ``"512 MiB"``, ``"1.5GB"``, or of a bare number of bytes.

    Raises:
        ValueError: for anything else, naming what would be right.
    """
    if isinstance(value, int) and not isinstance(value, bool):
        size = value
    elif isinstance(value, str) and (parts := _SIZE.fullmatch(value)):
        size = round(float(parts[1]) * _SIZE_UNITS[parts[2]])
    else:
        raise ValueError("not a size; write a number and a unit (kB, MB, GB, KiB, MiB, GiB), such as 2GiB")
    if not 0 <= size <= _LARGEST_SIZE:
        raise ValueError("a size is at least 0 and at most 1000 TB")
    return size


def write_size(size: int) -> str:
    """A size as people read it, to a tenth, in the largest unit that it has one of: ``1.5GiB``."""
    for unit in ("TiB", "GiB", "MiB", "KiB"):
        if size >= _SIZE_UNITS[unit]:
            return f"{size / _SIZE_UNITS[unit]:.1f}".removesuffix(".0") + unit
    return f"{size}B"


def parse_moment(value: object) -> float:
    """Seconds since 1970 of an ISO 8601 time, in UTC where it names no zone, or of a bare number of them.

    Raises:
        ValueError: for anything else, naming what would be right.
    """
    wrong = ValueError("not a moment; write ISO 8601, such as 2026-11-22T09:00:00Z, or seconds since 1970")
    moment: object = value
    try:
        if isinstance(value, str):
            number = re.fullmatch(r"\s*\d{1,12}(\.\d*)?\s*", value)
            moment = float(value) if number else datetime.fromisoformat(value.strip())
        if isinstance(moment, datetime):
            moment = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        raise wrong from None
    if not isinstance(moment, int | float) or isinstance(moment, bool) or not 0 <= moment <= _LAST_MOMENT:
        raise wrong
    return round(moment, 6)


def write_moment(moment: float) -> str:
    """A moment in ISO 8601, such that ``parse_moment`` reads the same number back."""
    return datetime.fromtimestamp(moment, UTC).isoformat().replace("+00:00", "Z")


def is_duration(field: FieldInfo) -> bool:
    """Whether the setting is a length of time."""
    return any(isinstance(part, PlainSerializer) and part.func is write_duration for part in field.metadata)


def _words(value: object) -> object:
    """A list of words from ``"a, b"``, so that the environment needs no JSON."""
    if isinstance(value, str):
        return [word.strip() for word in value.split(",") if word.strip()]
    if not isinstance(value, list | tuple):
        raise ValueError("write a name, or a list of names")  # noqa: TRY004 -- pydantic takes ValueError
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
        {
            "anyOf": [
                {"type": "string", "pattern": _DURATION_PATTERN, "examples": ["250ms", "1h30m", "48h"]},
                {"type": "number", "minimum": 0, "description": "seconds"},
            ]
        }
    ),
]
Size = Annotated[
    int,
    BeforeValidator(parse_size),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "string", "pattern": f"^{_SIZE.pattern}$", "examples": ["64MiB", "2GiB"]},
                {"type": "integer", "minimum": 0, "description": "bytes"},
            ]
        }
    ),
]
Moment = Annotated[
    float,
    BeforeValidator(parse_moment),
    PlainSerializer(write_moment, return_type=str),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "string", "examples": ["2026-11-22T09:00:00Z"]},
                {"type": "number", "minimum": 0, "description": "seconds since 1970"},
            ]
        }
    ),
]
Words = Annotated[list[str], BeforeValidator(_words)]
Pairs = Annotated[dict[str, str], BeforeValidator(_pairs)]
