"""Post IDs as they are written: the one place that decides whether a value is one.

 A Post ID is a whole number from 1 to 2^63 - 1. As text it is plain ASCII digits without leading zeros, and
may carry the prefix that Activity Streams give it. Digits become a number through orjson: half the time of
``int`` and a type's constructor, and this is on every record's way.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

import orjson

from worker.formats.reasons import Reason, show, unreadable
from worker.model import MAX_POST_ID, PostId

if TYPE_CHECKING:
    from collections.abc import Sequence

    from worker.model import Unreadable

_MAX_DIGITS: Final = len(str(MAX_POST_ID))
_ZERO: Final = ord("0")
_ACTIVITY_ID: Final = re.compile(r"(?:tag|object):search\.twitter\.com,\d{4}:")
_NUMBER: Final = re.compile(r"(-?)([0-9]+)(\.[0-9]*)?([eE][-+]?[0-9]+)?", re.ASCII)
_RIGHT: Final = f"a Post ID is a whole number from 1 to {MAX_POST_ID}, best written as a string of digits"


def read_id(raw: object, field: str) -> PostId | Unreadable:
    """The Post ID in a value of JSON or CSV; ``field`` names where it stood, for the detail.

    Takes a text or an integer. Takes time in proportion to no more than the text's length, whatever the text.
    """
    if type(raw) is str:
        if raw.isdigit() and raw.isascii() and len(raw) <= _MAX_DIGITS and raw[0] != "0":
            post_id: PostId = orjson.loads(raw)
            return post_id if post_id <= MAX_POST_ID else _refuse(Reason.ID_TOO_LARGE, field, raw)
        return _read_odd_text(raw, field)
    if type(raw) is int:
        if 0 < raw <= MAX_POST_ID:
            return PostId(raw)
        return _refuse(_integer_fault(raw), field, raw)
    if type(raw) is float:
        return _refuse(_float_fault(raw), field, raw)
    return _refuse(Reason.ID_NULL if raw is None else Reason.ID_WRONG_TYPE, field, raw)


def read_id_bytes(value: bytes) -> PostId | None:
    """The Post ID in a text of nothing but its digits; ``None`` for all else. Quick, for the usual record."""
    if value.isdigit() and len(value) <= _MAX_DIGITS and value[0] != _ZERO:
        post_id: PostId = orjson.loads(value)
        if post_id <= MAX_POST_ID:
            return post_id
    return None


def read_ids(texts: Sequence[object]) -> list[PostId] | None:
    """The Post IDs in texts of nothing but their digits; ``None`` if any is something else. Many at once."""
    if not texts:
        return []
    if set(map(type, texts)) != {str}:
        return None
    digits = "".join(texts)  # type: ignore[arg-type]  # looked at above
    if not (digits.isascii() and digits.isdigit()):
        return None
    try:
        # Refused: none at all between two commas, and zeros that lead.
        numbers = orjson.loads(f"[{','.join(texts)}]")  # type: ignore[arg-type]
    except orjson.JSONDecodeError:
        return None
    # A number that 64 bits do not hold becomes another type.
    is_right = set(map(type, numbers)) == {int} and min(numbers) > 0 and max(numbers) <= MAX_POST_ID
    return numbers if is_right else None


def looks_like_id(text: str) -> bool:
    """Whether a text that is no Post ID was meant as one, so that the detail can say what is wrong."""
    return any(character.isdigit() for character in text[:2]) or _ACTIVITY_ID.match(text) is not None


def _read_odd_text(raw: str, field: str) -> PostId | Unreadable:
    """An ID in surrounding blanks or with the prefix of Activity Streams, or what is wrong with the text."""
    text = raw.strip().strip("\ufeff").strip()
    if prefix := _ACTIVITY_ID.match(text):
        text = text[prefix.end() :]
    if text != raw and text.isdigit() and text.isascii():
        return read_id(text, field)
    return _refuse(_text_fault(text), field, raw)


def _text_fault(text: str) -> Reason:
    if not text:
        return Reason.ID_EMPTY
    number = _NUMBER.fullmatch(text)
    if number is None:
        return Reason.ID_MALFORMED
    sign, digits, fraction, exponent = number.groups()
    if fraction is not None or exponent is not None:
        return Reason.ID_FLOAT
    if not digits.strip("0"):
        return Reason.ID_ZERO
    if sign:
        return Reason.ID_NEGATIVE
    return Reason.ID_MALFORMED if digits.startswith("0") else Reason.ID_TOO_LARGE


def _integer_fault(number: int) -> Reason:
    if number == 0:
        return Reason.ID_ZERO
    return Reason.ID_NEGATIVE if number < 0 else Reason.ID_TOO_LARGE


def _float_fault(number: float) -> Reason:
    """What is wrong with a float; one beyond 64 bits may have been written as a whole number."""
    if number > MAX_POST_ID:
        return Reason.ID_TOO_LARGE
    return Reason.ID_NEGATIVE if number < -MAX_POST_ID else Reason.ID_FLOAT


def _refuse(reason: Reason, field: str, raw: object) -> Unreadable:
    return unreadable(reason, f"{field}: {show(raw)} is refused ({reason.meaning.rstrip('.')}); {_RIGHT}.")
