"""A dead letter has the record as it was, says why, and can always be sent."""

from __future__ import annotations

from tests.unit.intake.fakes import FakeRecord
from worker.intake.dead_letters import dead_letter, smaller
from worker.intake.ledger import Parcel
from worker.model import Source, Unreadable

SOURCE = Source("posts", 3, 41)
WHY = Unreadable("no_id", "nothing where an ID is looked for.")
LARGEST_REQUEST = 1_048_576


def _letter(record: FakeRecord) -> Parcel:
    return dead_letter("g.dead-letters", record, SOURCE, WHY)


def _headers(parcel: Parcel) -> dict[str, bytes]:
    return dict(parcel.headers or [])


def _bytes(parcel: Parcel) -> int:
    headers = sum(len(name) + len(content) + 10 for name, content in parcel.headers or [])
    return len(parcel.key or b"") + len(parcel.value or b"") + headers


def test_key_and_value_are_the_records_and_headers_say_why_and_where_from() -> None:
    letter = _letter(FakeRecord(b"{}", key=b"k"))
    assert letter == Parcel(
        "g.dead-letters",
        b"k",
        b"{}",
        None,
        [
            ("reason", b"no_id"),
            ("detail", WHY.detail.encode()),
            ("topic", b"posts"),
            ("partition", b"3"),
            ("offset", b"41"),
        ],
    )


def test_our_headers_come_last_so_that_a_record_cannot_speak_for_us() -> None:
    letter = _letter(FakeRecord(b"{}", headers=[("reason", b"mine"), ("campaign", b"spring")]))
    assert _headers(letter)["reason"] == b"no_id"
    assert letter.headers is not None
    assert letter.headers[:2] == [("reason", b"mine"), ("campaign", b"spring")]


def test_a_null_value_is_told_by_a_header_and_can_be_sent() -> None:
    letter = _letter(FakeRecord(None))
    assert (letter.key, letter.value) == (None, b"")
    assert _headers(letter)["null"] == b"true"


def test_of_a_value_that_brokers_refuse_the_head_is_kept_with_its_length() -> None:
    letter = _letter(FakeRecord(b"x" * 3_000_000, key=b"k"))
    assert letter.value is not None
    assert len(letter.value) > 900_000
    assert _bytes(letter) < LARGEST_REQUEST
    assert _headers(letter)["bytes"] == b"3000000"


def test_no_record_makes_a_letter_too_large_to_send() -> None:
    many = [(f"h{number}", b"y" * 1000) for number in range(2000)]
    letter = _letter(FakeRecord(b"x" * 3_000_000, key=b"k" * 2_000_000, headers=many))
    assert _bytes(letter) < LARGEST_REQUEST
    headers = _headers(letter)
    assert headers["key_bytes"] == b"2000000"
    assert headers["headers_left_out"] == b"2000"
    assert headers["reason"] == b"no_id"


def test_a_header_without_content_does_not_stop_it() -> None:
    nothing: list[tuple[str, bytes]] = [("campaign", None)]  # type: ignore[list-item]
    assert _headers(_letter(FakeRecord(b"x", headers=nothing)))["campaign"] == b""


def test_a_letter_that_brokers_find_too_large_shrinks_until_only_ours_is_left() -> None:
    theirs = [("reason", b"mine"), ("campaign", b"z" * 50_000)]
    letter = _letter(FakeRecord(b"x" * 100_000, key=b"k" * 50_000, headers=theirs))
    sizes = [_bytes(letter)]
    for _ in range(10):
        letter = smaller(letter)
        sizes.append(_bytes(letter))
    assert sizes == sorted(sizes, reverse=True)
    assert sizes[-1] < 2000
    headers = _headers(letter)
    assert headers["reason"] == b"no_id"
    assert headers["bytes"] == b"100000"
    assert "campaign" not in headers


def test_what_shrinking_leaves_out_is_told_so_that_the_letter_is_not_taken_for_the_whole_record() -> None:
    letter = smaller(_letter(FakeRecord(b"{}", key=b"k" * 900, headers=[("a", b"1"), ("b", b"2")])))
    assert (letter.key, letter.value) == (None, b"{}")
    headers = _headers(letter)
    assert headers["key_bytes"] == b"900"
    assert headers["headers_left_out"] == b"2"
    assert smaller(letter) == letter
