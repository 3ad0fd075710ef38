"""Each shape of record gives the Post's ID and what came along."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.unit.formats.messages import (
    AT,
    POST_ID,
    RETWEET_ID,
    activity,
    activity_share,
    native_post,
    native_retweet,
    read,
    reason,
    v2_post,
    v2_retweet,
)
from worker.formats.record import RecordReader
from worker.formats.rules import ReadingRules
from worker.model import Sighting, Skip, Tombstone

RETWEETS = [v2_retweet(), native_retweet(), activity_share()]


@pytest.mark.parametrize(
    "value",
    [
        str(POST_ID).encode(),
        f"  {POST_ID}\r\n".encode(),
        b"\xef\xbb\xbf" + str(POST_ID).encode(),
        f"\N{NO-BREAK SPACE}{POST_ID}".encode(),
        f'"{POST_ID}"'.encode(),
        f'" {POST_ID}\\n"'.encode(),
        {"id": POST_ID},
        {"id": str(POST_ID)},
        {"id_str": str(POST_ID), "id": 1.07e18},
        {"id": None, "tweet_id": POST_ID},
        {"tweet_id": str(POST_ID), "id": 55},
        {"post_id": POST_ID},
        {"data": {"id": str(POST_ID)}},
        b"\xef\xbb\xbf" + json.dumps({"id": POST_ID}).encode(),
        f"tag:search.twitter.com,2005:{POST_ID}".encode(),
    ],
)
def test_an_id_by_itself_in_any_spelling(value: object) -> None:
    assert read(value) == Sighting(POST_ID, (), AT)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("message", "text"),
    [
        (v2_post(), "Doors open & lights on #Spring"),
        (native_post(), "A long one that goes on to its end #Spring"),
        (activity(), "Doors open #Spring"),
    ],
)
def test_a_post_comes_with_author_text_and_campaigns(message: dict[str, Any], text: str) -> None:
    assert read(message) == Sighting(POST_ID, ("spring launch",), AT, "anna_k", text)  # type: ignore[arg-type]


@pytest.mark.parametrize("message", [v2_post(), native_post(), activity()])
def test_author_and_text_are_left_out_where_the_rules_say_so(message: dict[str, Any]) -> None:
    reading = read(message, keep_author=False, keep_text=False)
    assert isinstance(reading, Sighting)
    assert (reading.author, reading.text) == (None, None)


@pytest.mark.parametrize("message", RETWEETS)
def test_a_retweet_counts_for_the_original_with_its_author(message: dict[str, Any]) -> None:
    reading = read(message)
    assert isinstance(reading, Sighting)
    assert (reading.post_id, reading.author) == (POST_ID, "anna_k")
    assert reading.text is not None
    assert not reading.text.startswith("RT ")


@pytest.mark.parametrize("message", RETWEETS)
def test_a_retweet_counts_for_itself_or_not_at_all_where_the_rules_say_so(message: dict[str, Any]) -> None:
    as_is = read(message, retweets="as_is")
    assert isinstance(as_is, Sighting)
    assert (as_is.post_id, as_is.author) == (RETWEET_ID, "ben")
    assert read(message, retweets="skip") == Skip("retweet")


def test_a_v2_retweet_without_includes_still_names_its_original() -> None:
    message = v2_retweet()
    del message["includes"]
    assert read(message) == Sighting(POST_ID, ("spring launch",), AT)  # type: ignore[arg-type]


@pytest.mark.parametrize("retweets", ["original", "as_is", "skip"])
def test_a_quote_is_a_post_of_its_own(retweets: str) -> None:
    quotes: list[dict[str, Any]] = [
        {"data": {"id": str(POST_ID), "referenced_tweets": [{"type": "quoted", "id": "5"}]}},
        {"id_str": str(POST_ID), "quoted_status": {"id_str": "5"}, "is_quote_status": True},
    ]
    for quote in quotes:
        assert read(quote, retweets=retweets) == Sighting(POST_ID, (), AT)  # type: ignore[arg-type]


def test_a_retweet_that_does_not_name_its_original_is_a_dead_letter() -> None:
    assert reason(read({"id_str": "5", "retweeted_status": {}})) == "no_original"
    assert reason(read({"data": {"id": "5", "referenced_tweets": [{"type": "retweeted"}]}})) == "no_original"


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("payload.tweet.id", {"id": "not-a-post", "payload": {"tweet": {"id": str(POST_ID), "text": "Hi"}}}),
        ("rows.1.key", {"rows": [{"key": 5}, {"key": POST_ID, "text": "Hi"}]}),
        ("0.ref", [{"ref": POST_ID, "text": "Hi"}]),
    ],
)
def test_id_path_names_another_place_and_what_stands_beside_it_comes_along(path: str, value: object) -> None:
    assert read(value, id_path=path) == Sighting(POST_ID, (), AT, None, "Hi")  # type: ignore[arg-type]


def test_id_path_resolves_retweets_and_sees_campaigns_of_the_envelope() -> None:
    envelope = {"campaign": "outer", "payload": native_retweet()}
    reading = read(envelope, id_path="payload.id_str")
    assert isinstance(reading, Sighting)
    assert (reading.post_id, reading.campaigns) == (POST_ID, ("outer", "retweets of spring"))
    assert read(envelope, id_path="payload.id_str", retweets="skip") == Skip("retweet")


def test_records_without_anything_at_id_path_are_read_by_the_known_shapes() -> None:
    assert isinstance(read(v2_post(), id_path="payload.tweet.id"), Sighting)
    assert reason(read({"payload": {"tweet": 5}}, id_path="payload.tweet.id")) == "no_id"
    assert reason(read({"payload": {"id": 1.5}}, id_path="payload.id")) == "id_float"


def test_a_lone_surrogate_costs_neither_the_id_nor_the_encoding() -> None:
    value = b'{"id": "5", "text": "cut \\ud83d", "campaign": "a\\ud800b", "author": "@an\\udc00na"}'
    reading = read(value)
    assert reading == Sighting(5, ("ab",), AT, "anna", "cut \ufffd")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (b"nonsense", "not_json"),
        (b'{"id": 5', "not_json"),
        (b"NaN", "not_json"),
        (b'{"id": Infinity}', "not_json"),
        (b"\x00\x01", "not_json"),
        (b"\xff\xfe1\x002\x00", "invalid_utf8"),
        (b'{"id": "5", "text": "\xed\xa0\x80"}', "invalid_utf8"),
        (b"[" * 100_000, "too_deep"),
        (b'{"a":' * 2000 + b"1" + b"}" * 2000, "too_deep"),
        (b'{"t":"\\ud800","a":' + b"[" * 200_000, "too_deep"),
        (b'{"t":"\\ud800","a":' + b"[" * 400 + b"]" * 400 + b"}", "too_deep"),
        (b"[1, 2]", "wrong_shape"),
        (b"{}", "no_id"),
        ({"text": "no ID here"}, "no_id"),
        ({"id": None}, "id_null"),
        ({"data": {"id": None}}, "id_null"),
        (b"null", "id_null"),
        (b"true", "id_wrong_type"),
        ({"id": True}, "id_wrong_type"),
        ({"id": {"$numberLong": "5"}}, "id_wrong_type"),
        ({"id": 123.0}, "id_float"),
        (b'{"id": 1e18}', "id_float"),
        (b"1.5", "id_float"),
        (b"1.07e18", "id_float"),
        ({"id": -1}, "id_negative"),
        (b"-1", "id_negative"),
        ({"id": 0}, "id_zero"),
        (b"0", "id_zero"),
        ({"id": 2**63}, "id_too_large"),
        ({"id": 2**64}, "id_too_large"),
        (b"9" * 5000, "id_too_large"),
        (b'{"id": ' + b"9" * 5000 + b"}", "id_too_large"),
        (b"9223372036854775808", "id_too_large"),
        ({"id": "abc"}, "id_malformed"),
        (b"+5", "id_malformed"),
        (b"1_000", "id_malformed"),
        (b"0012", "id_malformed"),
        ("١٢٣".encode(), "id_malformed"),
        (b'""', "id_empty"),
        ({"id": " "}, "id_empty"),
    ],
)
def test_what_cannot_be_read_is_a_dead_letter_with_its_own_reason(value: object, expected: str) -> None:
    assert reason(read(value)) == expected


def test_a_value_above_the_limit_is_not_parsed() -> None:
    assert reason(read(b'{"id": "5", "text": "' + b"x" * 10_000_000 + b'"}')) == "too_big"
    assert reason(read(b'{"id": "5"}', max_bytes=10)) == "too_big"
    assert isinstance(read(b'{"id": "5"}', max_bytes=11), Sighting)


def test_a_detail_names_field_and_value_and_stays_short() -> None:
    reading = read({"data": {"id": "x" * 10_000}})
    assert reason(reading) == "id_malformed"
    assert "data.id: 'xxx" in str(reading)
    assert len(str(reading)) < 500


def test_a_null_value_stops_tracking_the_post_of_its_key() -> None:
    reader = RecordReader(ReadingRules())
    for key in (b"20", b" 20\n", b'"20"', b"\xef\xbb\xbf20"):
        assert reader.read(None, key, (), "posts", AT) == Tombstone(20)  # type: ignore[arg-type]
    for other in (None, b"", b"anna", b"0", b"1.5", b"\xff", b"9223372036854775808"):
        assert reason(reader.read(None, other, (), "posts", AT)) == "null_value"


@pytest.mark.parametrize("value", [b"", b"\r\n", b"\n", b" \t ", b"\xef\xbb\xbf", b"\xef\xbb\xbf\r\n"])
def test_blank_records_are_keep_alives(value: bytes) -> None:
    assert read(value) == Skip("keep_alive")
