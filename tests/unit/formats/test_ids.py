"""What is a Post ID, and what is wrong with what is not."""

from __future__ import annotations

import time

import pytest

from worker.formats.ids import read_id, read_id_bytes, read_ids
from worker.model import MAX_POST_ID, Unreadable

POST_ID = 1070059276213702656


@pytest.mark.parametrize(
    ("raw", "post_id"),
    [
        (POST_ID, POST_ID),
        (str(POST_ID), POST_ID),
        (f" {POST_ID}\r\n", POST_ID),
        (f"\ufeff{POST_ID}", POST_ID),
        (f"tag:search.twitter.com,2005:{POST_ID}", POST_ID),
        (f"object:search.twitter.com,2005:{POST_ID}", POST_ID),
        (1, 1),
        ("20", 20),
        (MAX_POST_ID, MAX_POST_ID),
        (str(MAX_POST_ID), MAX_POST_ID),
    ],
)
def test_reads_numbers_and_digits_up_to_the_largest(raw: object, post_id: int) -> None:
    assert read_id(raw, "id") == post_id


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (MAX_POST_ID + 1, "id_too_large"),
        (str(MAX_POST_ID + 1), "id_too_large"),
        ("9" * 19, "id_too_large"),
        ("9" * 20, "id_too_large"),
        (1e20, "id_too_large"),
        (0, "id_zero"),
        ("0", "id_zero"),
        ("-000", "id_zero"),
        (-5, "id_negative"),
        ("-5", "id_negative"),
        (-1e20, "id_negative"),
        (123.0, "id_float"),
        (1e18, "id_float"),
        ("1.07006E+18", "id_float"),
        ("123.0", "id_float"),
        (float("nan"), "id_float"),
        ("", "id_empty"),
        (" \n", "id_empty"),
        ("1_000", "id_malformed"),
        ("+123", "id_malformed"),
        ("00123", "id_malformed"),
        ("١٢٣", "id_malformed"),
        ("１２３", "id_malformed"),  # noqa: RUF001 -- other digits
        ("12²", "id_malformed"),
        ("12 34", "id_malformed"),
        ("0x1F", "id_malformed"),
        ("tag:search.twitter.com,2005:abc", "id_malformed"),
        (True, "id_wrong_type"),
        ([1], "id_wrong_type"),
        ({"id": 1}, "id_wrong_type"),
        (None, "id_null"),
    ],
)
def test_refuses_the_rest_each_with_its_reason(raw: object, reason: str) -> None:
    refused = read_id(raw, "data.id")
    assert isinstance(refused, Unreadable)
    assert refused.reason == reason
    assert refused.detail.startswith("data.id: ")
    assert "9223372036854775807" in refused.detail


def test_the_quick_way_takes_plain_digits_only() -> None:
    assert read_id_bytes(b"1070059276213702656") == POST_ID
    assert read_id_bytes(b"9223372036854775807") == MAX_POST_ID
    for value in (b"", b"0", b"0123", b"9223372036854775808", b" 1", b"1\n", b"1_0", "١".encode(), b"-1"):  # noqa: RUF001 -- other digits
        assert read_id_bytes(value) is None


def test_many_are_read_at_once_or_refused_for_one() -> None:
    assert read_ids(["1", str(POST_ID), str(MAX_POST_ID)]) == [1, POST_ID, MAX_POST_ID]
    assert read_ids([]) == []
    wrong = ["", "0", "0123", "9223372036854775808", "9" * 30, " 1", "1\n", "1,2", "1.0", "1e3", "-1", 1]
    for text in [*wrong, "١"]:  # noqa: RUF001 -- another digit
        assert read_ids(["1", text, "2"]) is None
        assert read_ids([text]) is None


def test_a_very_long_text_of_digits_costs_no_more_than_reading_it() -> None:
    digits = "9" * 5_000_000
    begun = time.perf_counter()
    refused = read_id(digits, "id")
    assert time.perf_counter() - begun < 2.0
    assert isinstance(refused, Unreadable)
    assert len(refused.detail) < 400
    assert "(5000000 long)" in refused.detail
