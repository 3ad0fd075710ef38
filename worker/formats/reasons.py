"""Why something could not be read: the stable names that dead letters carry, each with its meaning."""

from __future__ import annotations

from enum import StrEnum
from typing import Final, Self

from worker.model import Unreadable

_SHOWN: Final = 60


class Reason(StrEnum):
    """A reason for a dead letter. ``docs/formats.md`` lists them all."""

    meaning: str

    def __new__(cls, name: str, meaning: str) -> Self:
        """A member that is its own name and knows its meaning."""
        member = str.__new__(cls, name)
        member._value_ = name
        member.meaning = meaning
        return member

    NULL_VALUE = "null_value", "The record has no value, and its key is not a Post ID."
    TOO_BIG = "too_big", "The value is larger than the limit in the settings."
    INVALID_UTF8 = "invalid_utf8", "The value is not UTF-8."
    NOT_JSON = "not_json", "The value is neither a Post ID nor JSON."
    TOO_DEEP = "too_deep", "The JSON is nested too deeply."
    WRONG_SHAPE = "wrong_shape", "The JSON is a list: a record holds one Post."
    NO_ID = "no_id", "The JSON object has no ID at any of the places where one is looked for."
    NO_ORIGINAL = (
        "no_original",
        "A retweet that does not say of which Post, where retweets count for the original.",
    )
    ID_NULL = "id_null", "JSON null stands where the ID should be."
    ID_EMPTY = "id_empty", "An empty text stands where the ID should be."
    ID_WRONG_TYPE = "id_wrong_type", "The ID is a boolean, a list or an object."
    ID_FLOAT = "id_float", "The ID was written as a float, so that its last digits may be lost."
    ID_NEGATIVE = "id_negative", "The ID is below zero."
    ID_ZERO = "id_zero", "The ID is 0."
    ID_TOO_LARGE = "id_too_large", "The ID is above 9223372036854775807 (2^63 - 1)."
    ID_MALFORMED = "id_malformed", "The ID is a text that is not a whole number in plain ASCII digits."
    WIRE_VERSION = "wire_version", "A sighting of another version of the wire format than this worker knows."
    WIRE_MALFORMED = "wire_malformed", "A record of the sightings topic that is not a sighting."
    JOURNAL_VERSION = "journal_version", "A record of the journal of another version than this worker knows."
    JOURNAL_MALFORMED = "journal_malformed", "A record of the journal that is none."
    PARTIAL_VERSION = (
        "partial_version",
        "A partial of another version of the format than this worker knows.",
    )
    PARTIAL_MALFORMED = "partial_malformed", "A record of the partials topic that is not a partial."
    LINE_TOO_LONG = "line_too_long", "A line of a file is longer than the limit."
    BAD_CSV = (
        "bad_csv",
        "A row of a CSV file without the ID's column or of a file that shows none, or with broken quoting.",
    )
    BAD_GZIP = "bad_gzip", "The gzip data is damaged or cut off: what follows is lost."


def unreadable(reason: Reason, detail: str) -> Unreadable:
    """A dead letter for this reason. ``detail`` is a sentence: the field, the value, what would be right."""
    return Unreadable(reason.value, detail)


def show(value: object) -> str:
    """A value as a detail shows it: cut to a length, and always encodable."""
    match value:
        case dict():
            return "an object"
        case list():
            return "a list"
        case bool() | None:
            return {True: "true", False: "false"}.get(value, "null") if value is not None else "null"
        case str() | bytes() if len(value) > _SHOWN:
            return f"{value[:_SHOWN]!r}… ({len(value)} long)"
        case _:
            return repr(value)
