"""What to do about a dead letter of each reason."""

from __future__ import annotations

from typing import Final

from worker.formats.reasons import Reason

_PRODUCER: Final = "Mend what produces it; there is nothing in it that could be counted."
_ID: Final = "Mend what produces it: a Post ID is a whole number above 0, best written as text."

ADVICE: Final = {
    Reason.NULL_VALUE: "To stop tracking a Post, send null under its ID as key. Else mend what produces it.",
    Reason.TOO_BIG: "Raise intake.max_record_bytes. What was cut here is whole only in its own topic: "
    "run --from reads that again.",
    Reason.INVALID_UTF8: "Mend what produces it: text is UTF-8. Compressed or binary values are not read.",
    Reason.NOT_JSON: "Mend what produces it: a value is a Post ID or JSON.",
    Reason.TOO_DEEP: _PRODUCER,
    Reason.WRONG_SHAPE: "Send each Post of the list as a record of its own.",
    Reason.NO_ID: "Name the ID's place in intake.id_path, restart the workers, and replay.",
    Reason.NO_ORIGINAL: "Have the stream expand referenced Posts, or set intake.retweets to as_is or skip, "
    "restart the workers, and replay.",
    Reason.ID_NULL: _ID,
    Reason.ID_EMPTY: _ID,
    Reason.ID_WRONG_TYPE: "If the ID stands elsewhere, name its place in intake.id_path, restart the "
    "workers, and replay; else mend what produces it.",
    Reason.ID_FLOAT: "Mend what produces it: write IDs as text. The last digits of this one are lost.",
    Reason.ID_NEGATIVE: _ID,
    Reason.ID_ZERO: _ID,
    Reason.ID_TOO_LARGE: _ID,
    Reason.ID_MALFORMED: _ID,
    Reason.WIRE_VERSION: "Update this worker, or all of them.",
    Reason.WIRE_MALFORMED: "Something else writes to the sightings topic: keep it away from there.",
    Reason.JOURNAL_VERSION: "Update this worker, or all of them.",
    Reason.JOURNAL_MALFORMED: "Something else writes to the journal: keep it away from there.",
    Reason.PARTIAL_VERSION: "Update this worker, or all of them.",
    Reason.PARTIAL_MALFORMED: "Something else writes to the partials topic: keep it away from there.",
    Reason.LINE_TOO_LONG: _PRODUCER,
    Reason.BAD_CSV: _PRODUCER,
    Reason.BAD_GZIP: _PRODUCER,
}


def advice(reason: str) -> str:
    """A sentence or two: what would make such a record readable."""
    known = {name.value: text for name, text in ADVICE.items()}
    return known.get(reason, "This version does not know the reason: read the detail.")
