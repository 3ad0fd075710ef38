"""JSON from bytes, quickly, with a reason of its own for each way in which it can fail."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Final, NoReturn, TypeAlias

import orjson

from worker.formats.reasons import Reason, show, unreadable

if TYPE_CHECKING:
    from worker.model import Unreadable

Json: TypeAlias = dict[str, object]
"""A JSON object."""

_LONGEST_NUMBER: Final = 25
_DEEPEST: Final = 400
"""Levels of JSON that the quick parser refuses, as it holds half a surrogate pair or a huge number."""

_BRACKETS: Final = re.compile(r'"(?:[^"\\]|\\.)*+"|[\[\]{}]', re.DOTALL)
"""Each bracket that is not in a text, and each text as a whole."""

_BEYOND_ANY_ID: Final = 10**_LONGEST_NUMBER


def parse_json(value: bytes) -> object:
    """The JSON value in these bytes, or an ``Unreadable``. Never raises.

    Texts may hold lone surrogates where the JSON had them as escapes (texts cut by code unit do): such a text
    cannot be encoded until it is cleaned (``names``).
    """
    try:
        return orjson.loads(value)
    except orjson.JSONDecodeError as error:
        return _parse_odd(value, error)


def _parse_odd(value: bytes, error: orjson.JSONDecodeError) -> object:
    """What the quick parser refuses: lone surrogates and huge numbers are no reason to lose an ID."""
    if "depth" in error.msg or "recursion" in error.msg.lower():
        return _too_deep()
    try:
        text = value.decode()
    except UnicodeDecodeError as fault:
        return unreadable(
            Reason.INVALID_UTF8,
            f"the value: byte {fault.start} (0x{value[fault.start]:02x}) is not UTF-8; send UTF-8.",
        )
    if value.count(b"[") + value.count(b"{") > _DEEPEST and _depth(text) > _DEEPEST:
        # Python's parser would give up somewhere, depending on how deep the calls are that led here.
        return _too_deep()
    try:
        return json.loads(text, parse_int=_bounded_int, parse_constant=_refuse_constant)
    except ValueError:
        return unreadable(
            Reason.NOT_JSON,
            f"the value: {show(text)} is neither a Post ID nor JSON ({error.msg}); "
            "send the ID's digits, or JSON with the ID in it.",
        )


def _depth(text: str) -> int:
    """How deep lists and objects lie in each other."""
    depth = deepest = 0
    for found in _BRACKETS.finditer(text):
        bracket = found[0]
        depth += 1 if bracket in "[{" else -1 if bracket in "]}" else 0
        deepest = max(deepest, depth)
    return deepest


def _too_deep() -> Unreadable:
    return unreadable(
        Reason.TOO_DEEP, "the value: JSON nested deeper than 1024 levels; send the ID nearer the top."
    )


def _bounded_int(digits: str) -> int:
    """A number of any length at a bounded cost: beyond every ID, how large it is does not matter."""
    if len(digits) <= _LONGEST_NUMBER:
        return int(digits)
    return -_BEYOND_ANY_ID if digits.startswith("-") else _BEYOND_ANY_ID


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(name)
