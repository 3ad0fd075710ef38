"""The query strings of the sandbox's own endpoints, read and checked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qs

from sandbox.messages import errors

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sandbox.messages import Answer, Request

MAX_IDS: Final = 1000
_MAX_POST_ID: Final = 2**63 - 1
_MAX_DIGITS: Final = 19


def read_query(request: Request, known: Sequence[str]) -> tuple[Mapping[str, str], list[str]]:
    """The last value of each name, and what is wrong: names that are not ``known``."""
    given = parse_qs(request.query, keep_blank_values=True)
    faults = [f"{name[:64]}: unknown; there are {', '.join(known)}" for name in given if name not in known]
    return {name: ",".join(values) if name == "ids" else values[-1] for name, values in given.items()}, faults


def read_ids(query: Mapping[str, str]) -> list[int] | Answer:
    """Post IDs with commas between, or a 400 that says why not."""
    texts = [text for text in query.get("ids", "").split(",") if text]
    faults = [f"ids: not a Post ID: {text[:64]}" for text in texts if not 0 < number(text) <= _MAX_POST_ID][
        :1
    ]
    if not 1 <= len(texts) <= MAX_IDS:
        faults.append(f"ids: 1 to {MAX_IDS} Post IDs with commas between, not {len(texts)}")
    return errors(400, *faults) if faults else [int(text) for text in texts]


def number(text: str) -> int:
    """A number of plain digits; -1 for anything else."""
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= _MAX_DIGITS else -1
