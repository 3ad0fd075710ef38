"""A letter gives back the record as it was, and says when it cannot."""

from __future__ import annotations

import pytest

from tests.unit.dead_letters.making import Written, letter, written
from tests.unit.intake.fakes import FakeRecord
from worker.dead_letters.letter import FOREIGN, read_letter
from worker.formats.reasons import Reason
from worker.intake.dead_letters import smaller
from worker.intake.ledger import Parcel
from worker.model import Source


@pytest.mark.parametrize("key", [b"k", None])
@pytest.mark.parametrize("headers", [[], [("campaign", b"spring"), ("campaign", b"\xff")]])
def test_key_value_and_own_headers_come_back_as_they_were(
    key: bytes | None, headers: list[tuple[str, bytes]]
) -> None:
    found = letter(b"\x00{}", key=key, headers=headers)
    assert (found.key, found.value, list(found.headers)) == (key, b"\x00{}", headers)
    assert (found.reason, found.detail) == (Reason.NO_ID, "nothing there.")
    assert (found.source, found.came_from) == (Source("posts", 3, 41), "posts:3:41")
    assert found.at == 1_763_719_740.125
    assert found.obstacle is None


def test_null_and_empty_values_are_told_apart() -> None:
    assert letter(None).value is None
    assert letter(b"").value == b""


def test_a_record_cannot_speak_for_us_by_headers_of_our_names() -> None:
    theirs = [
        ("reason", b"too_big"),
        ("detail", b"d"),
        ("topic", b"evil"),
        ("partition", b"0"),
        ("offset", b"0"),
        ("null", b"true"),
        ("bytes", b"9"),
    ]
    found = letter(b"x", headers=theirs)
    assert list(found.headers) == theirs
    assert (found.reason, found.came_from, found.value, found.cut) == ("no_id", "posts:3:41", b"x", ())


@pytest.mark.parametrize(
    ("record", "cut"),
    [
        (FakeRecord(b"x" * 2_000_000, key=b"k"), ("value",)),
        (FakeRecord(b"x", key=b"k" * 200_000), ("key",)),
        (FakeRecord(b"x", headers=[("a", b"h" * 200_000)]), ("headers",)),
    ],
)
def test_what_was_cut_cannot_be_replayed_and_says_which_part(
    record: FakeRecord, cut: tuple[str, ...]
) -> None:
    found = read_letter(written(record))
    assert found.cut == cut
    assert found.obstacle == f"its {cut[0]} was too long to keep"


def test_a_letter_that_brokers_made_us_shrink_is_known_as_cut() -> None:
    whole = written(FakeRecord(b"{}", key=b"k" * 900, headers=[("a", b"1")]))
    parcel = smaller(Parcel("g.dead-letters", whole.key, whole.value, None, list(whole.headers)))
    found = read_letter(Written(parcel.key, parcel.value, parcel.headers or []))
    assert found.obstacle == "its key and headers were too long to keep"
    assert found.headers == ()


def test_with_neither_key_nor_value_nothing_can_be_sent() -> None:
    assert letter(None, key=None).obstacle == "it has neither key nor value, and no such record can be sent"
    assert letter(b"", key=None).obstacle is None


@pytest.mark.parametrize(
    "headers",
    [
        [],
        [("reason", b"no_id")],
        [("reason", b"a"), ("detail", b"b"), ("topic", b"c"), ("partition", b"x"), ("offset", b"1")],
    ],
)
def test_a_record_that_no_worker_wrote_is_no_letter(headers: list[tuple[str, bytes]]) -> None:
    found = read_letter(Written(b"k", b"v", headers))
    assert (found.reason, found.source, list(found.headers)) == (FOREIGN, None, headers)
    assert found.obstacle is not None
