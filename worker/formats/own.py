"""What the formats of our own topics have in common: read as strictly as they are written.

Only workers write these topics, so what none of them can have written is a stranger's, and is refused:
also where it could be read, because a worker may be unable to show it, or to write it again.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final

import orjson

from worker.formats.parsing import parse_json
from worker.formats.reasons import Reason, show, unreadable
from worker.model import ALL, Unreadable

LARGEST: Final = 1 << 63
"""Values are below this: as whole numbers they are written as 64-bit ones."""

LONGEST_CAMPAIGN: Final = 1000
"""Characters: far more than a name that intake takes from a record, and few enough for an address."""

_NEVER: Final = 253_402_300_800
"""The year 10000, in seconds since 1970: calendars end before it."""


def parse_own(value: bytes) -> object:
    """The JSON value in these bytes, or an ``Unreadable``. Never raises. All of its texts can be encoded."""
    try:
        return orjson.loads(value)
    except orjson.JSONDecodeError:
        found = parse_json(value)
        if isinstance(found, Unreadable):
            return found
        # Half a surrogate pair, or a number beyond all: this could be read, and not written.
        return unreadable(Reason.NOT_JSON, f"the value: {show(value)} is not JSON as workers write it.")


def is_moment(value: object) -> bool:
    """Whether it is seconds since 1970, in a year that can be told."""
    return (type(value) is float or type(value) is int) and 0 <= value < _NEVER


@lru_cache(8192)
def is_campaign(name: str) -> bool:
    """Whether it is a campaign's name, of which ``all`` is none: every Post is in that."""
    return 0 < len(name) <= LONGEST_CAMPAIGN and name.casefold() != ALL
