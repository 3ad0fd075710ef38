"""The filters: each takes away, wrong ones are told."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.dead_letters.making import letter
from worker.dead_letters.choice import Choice, as_offsets, without
from worker.model import Source, Timestamp

NOW = Timestamp(1_763_719_740.0)


def chosen(**options: Any) -> Choice:
    given: dict[str, Any] = {"reasons": [], "since": None, "until": None, "offsets": [], "source": None}
    return Choice.parse(**{**given, **options}, now=NOW)


LETTERS = [
    letter(source=Source("a", 0, 5), reason="no_id", offset=0, timestamp=1_763_719_740_000 - 3_600_000),
    letter(source=Source("a", 1, 5), reason="not_json", offset=1, timestamp=1_763_719_740_000 - 1_800_000),
    letter(source=Source("b", 0, 6), reason="id_float", offset=2, timestamp=1_763_719_740_000 - 60_000),
]


@pytest.mark.parametrize(
    ("options", "offsets"),
    [
        ({}, [0, 1, 2]),
        ({"reasons": ["no_id", "id_float"]}, [0, 2]),
        ({"since": "1h"}, [0, 1, 2]),
        ({"since": "30m ago"}, [1, 2]),
        ({"until": "30m"}, [0]),
        ({"since": "2025-11-21T09:30Z"}, [1, 2]),
        ({"offsets": ["1"]}, [1]),
        ({"offsets": ["0", "2-9"]}, [0, 2]),
        ({"source": "a"}, [0, 1]),
        ({"source": "a:1"}, [1]),
        ({"source": "a:1:5"}, [1]),
        ({"source": "a:1:6"}, []),
        ({"source": "a", "reasons": ["no_id"], "since": "2h"}, [0]),
    ],
)
def test_the_letters_that_all_filters_cover_are_meant(options: dict[str, Any], offsets: list[int]) -> None:
    choice = chosen(**options)
    assert [one.offset for one in LETTERS if choice.covers(one)] == offsets


def test_offsets_say_where_reading_may_begin_and_end() -> None:
    assert (chosen().first, chosen().last) == (0, None)
    assert (chosen(offsets=["7-9", "3"]).first, chosen(offsets=["7-9", "3"]).last) == (3, 9)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"reasons": ["no_ids"]}, r"--reason 'no_ids': did you mean no_id\?"),
        ({"reasons": ["zzz"]}, r"--reason 'zzz': it is one of null_value, too_big, "),
        ({"since": "soon"}, r"--since: 'soon' is no time; write ISO 8601"),
        ({"until": "17"}, r"--until: '17' is no time"),
        ({"since": "1h", "until": "2h"}, r"--until must be after --since"),
        ({"offsets": ["x"]}, r"offset 'x': it is a number, such as 17, or a range"),
        ({"offsets": ["9-7"]}, r"offset '9-7'"),
        ({"offsets": ["-3"]}, r"offset '-3'"),
        ({"source": "a:b"}, r"--source 'a:b': write TOPIC, TOPIC:PARTITION or TOPIC:PARTITION:OFFSET"),
        ({"source": ""}, r"--source ''"),
    ],
)
def test_what_is_wrong_is_named_with_what_would_be_right(options: dict[str, Any], told: str) -> None:
    with pytest.raises(ValueError, match=told):
        chosen(**options)


def test_offsets_at_which_there_was_no_letter_are_told_as_they_were_given() -> None:
    missing = chosen(offsets=["0", "99", "1-2", "50-60"]).offsets
    for one in LETTERS:
        missing = without(missing, one)
    assert as_offsets(missing) == "99, 50-60"
    assert as_offsets(()) == ""
