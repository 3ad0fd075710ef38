"""Partials: what one worker writes another reads; and nothing that anybody writes raises."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.formats import partial as format_
from worker.formats.partial import decode_partial, encode_key, encode_partial
from worker.model import (
    MAX_POST_ID,
    Campaign,
    MetricName,
    Missing,
    Partial,
    PartialEntry,
    PartialKey,
    PostId,
    Timestamp,
    Unreadable,
)

words = st.none() | st.text(max_size=20)
finite = st.floats(-(2.0**62), 2.0**62).map(lambda number: number + 0.0)
moments = st.floats(0, 4e9).map(Timestamp)
campaigns = (st.text(min_size=1, max_size=12) | st.sampled_from(["a/b", "/", "a/", "/retweets/3"])).map(
    Campaign
)
keys = st.builds(
    PartialKey,
    campaigns,
    st.sampled_from(["favorites", "retweets_per_hour"]).map(MetricName),
    st.integers(0, 999),
)
entries = st.builds(PartialEntry, st.integers(1, MAX_POST_ID).map(PostId), finite, moments, words, words)
places = st.integers(0, 10**9).map(lambda number: number / 10_000)
partials = st.builds(
    Partial,
    keys,
    st.text(max_size=12),
    moments,
    st.integers(0, 10**9),
    st.lists(entries, max_size=6, unique_by=lambda entry: entry.post_id).map(
        lambda found: tuple(sorted(found, key=lambda entry: entry.rank_key))
    ),
    st.none()
    | st.builds(Missing, places, places, st.integers(10_000, 10**9).map(lambda number: number / 10_000)),
)


@given(partials)
def test_what_is_written_is_read_again(partial: Partial) -> None:
    assert decode_partial(encode_key(partial.key), encode_partial(partial)) == partial


@given(keys)
def test_a_null_value_is_the_key_alone(key: PartialKey) -> None:
    assert decode_partial(encode_key(key), None) == key


@given(st.none() | st.binary(max_size=60), st.none() | st.binary(max_size=200))
def test_no_bytes_raise(key: bytes | None, value: bytes | None) -> None:
    decode_partial(key, value)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=10,
)


@given(
    partials, st.sampled_from(["v", "writer", "as_of", "tracked_posts", "missing", "entries"]), json_values
)
def test_a_field_of_any_other_kind_is_refused_or_read(partial: Partial, field: str, value: object) -> None:
    document = json.loads(encode_partial(partial)) | {field: value}
    found = decode_partial(encode_key(partial.key), json.dumps(document).encode())
    assert isinstance(found, Partial | Unreadable)


@given(partials, json_values)
def test_an_entry_of_any_other_kind_is_refused(partial: Partial, entry: object) -> None:
    document = json.loads(encode_partial(partial))
    document["entries"] = [*document["entries"], entry]
    found = decode_partial(encode_key(partial.key), json.dumps(document).encode())
    assert isinstance(found, Unreadable)
    assert found.reason == "partial_malformed"


cells = json_values | st.sampled_from(
    [-1.0, -1, 1e12, 0, 1, "7", "007", "x", "\ud800", 2**53 + 1, -(2**53) - 1, 2**62, 2.0**63, -(2.0**63)]
)


@pytest.mark.parametrize("column", range(5))
@given(partials.filter(lambda partial: len(partial.entries) > 1), st.integers(0, 5), cells)
def test_a_cell_is_read_in_whatever_row_it_stands_as_in_a_row_alone(
    column: int, partial: Partial, row: int, cell: object
) -> None:
    rows: list[list[Any]] = [[str(one.post_id), *one[1:]] for one in partial.entries]
    rows[row % len(rows)][column] = cell
    alone = [decode_partial(encode_key(KEY), changed(entries=[row])) for row in rows]
    together = decode_partial(encode_key(KEY), changed(entries=rows))
    found = [one.entries[0] for one in alone if isinstance(one, Partial)]
    ranks = [one.rank_key for one in found]
    is_right = (
        len(found) == len(rows)
        and all(before < after for before, after in pairwise(ranks))
        and len({one.post_id for one in found}) == len(found)
    )
    assert isinstance(together, Partial) is is_right
    if isinstance(together, Partial):
        assert list(together.entries) == found
        assert all(type(one.value) is float and type(one.measured_at) is float for one in found)


def test_the_words_of_a_post_on_many_boards_are_kept_once() -> None:
    words = [["9", 5.0, 1.5, "an author", "a text"]]
    first, second = (decode_partial(encode_key(KEY), changed(entries=words)) for _ in range(2))
    assert isinstance(first, Partial)
    assert isinstance(second, Partial)
    assert first.entries[0].author is second.entries[0].author
    assert first.entries[0].text is second.entries[0].text


def test_values_that_are_one_as_floats_are_in_the_order_of_their_posts() -> None:
    large = 2**53
    rows = [["3", large + 1, 1.5], ["4", large, 1.5]]
    assert isinstance(decode_partial(encode_key(KEY), changed(entries=rows)), Partial)
    rows = [["4", large + 1, 1.5], ["3", large, 1.5]]
    assert reason(encode_key(KEY), changed(entries=rows)) == "partial_malformed"


@given(partials, json_values | st.lists(st.floats(-5, -1e-9), min_size=2, max_size=2))
def test_what_is_missing_is_a_pair_of_numbers_not_below_zero(partial: Partial, value: object) -> None:
    document = json.loads(encode_partial(partial)) | {"missing": value}
    found = decode_partial(encode_key(partial.key), json.dumps(document).encode())
    if isinstance(found, Partial):
        assert found.missing is None or min(found.missing) >= 0
        assert (found.missing is None) == (value is None)


KEY = PartialKey(Campaign("tour/2"), MetricName("favorites"), 7)


def entry(number: int, value: float, text: str | None = None) -> PartialEntry:
    return PartialEntry(PostId(number), value, Timestamp(1.5), None, text)


def reason(key: bytes | None, value: bytes | None) -> str | None:
    found = decode_partial(key, value)
    return found.reason if isinstance(found, Unreadable) else None


def changed(**fields: Any) -> bytes:
    document = json.loads(encode_partial(Partial(KEY, "w", Timestamp(2.5), 3, (entry(1, 5.0),))))
    return json.dumps(document | fields).encode()


def test_it_is_compact_json_that_a_person_can_read() -> None:
    partial = Partial(KEY, "w", Timestamp(2.5), 3, (entry(1, 5.0), entry(2, 4.0, "hi")))
    assert encode_key(KEY) == b"tour/2/favorites/7"
    assert encode_partial(partial) == (
        b'{"v":1,"writer":"w","as_of":2.5,"tracked_posts":3,"entries":[["1",5.0,1.5],["2",4.0,1.5,null,"hi"]]}'
    )


def test_a_newer_version_is_refused_as_such() -> None:
    found = decode_partial(encode_key(KEY), changed(v=2))
    assert isinstance(found, Unreadable)
    assert found.reason == "partial_version"
    assert "newer worker" in found.detail


@pytest.mark.parametrize(
    "key",
    [
        None,
        b"",
        b"a/favorites",
        b"a/favorites/x",
        b"a/favorites/-1",
        b"a/favorites/01",
        b"/favorites/1",
        b"a//1",
        b"\xff/favorites/1",
        "a/favorites/\u0663".encode(),
        b"a/favorites/1234567890",
    ],
)
def test_a_key_of_another_form_is_refused(key: bytes | None) -> None:
    assert reason(key, None) == "partial_malformed"


@pytest.mark.parametrize(
    "rows",
    [
        [["1", 4.0, 1.0], ["2", 5.0, 1.0]],
        [["2", 5.0, 1.0], ["1", 5.0, 1.0]],
        [["1", 5.0, 1.0], ["1", 4.0, 1.0]],
        [["1", 5.0, 1.0], ["1", 5.0, 1.0]],
        [["0", 5.0, 1.0]],
        [[1, 5.0, 1.0]],
        [["1", None, 1.0]],
        [["1", 1e999, 1.0]],
        [["1", 5.0, 1.0, "anna"]],
        [["1", 5.0, 1.0, "anna", 7]],
    ],
)
def test_entries_out_of_order_twice_or_broken_are_refused(rows: list[object]) -> None:
    assert reason(encode_key(KEY), changed(entries=rows)) == "partial_malformed"


def test_half_a_surrogate_pair_does_not_keep_the_rest_from_being_written() -> None:
    partial = Partial(KEY, "w", Timestamp(2.5), 3, (entry(1, 5.0, "cut \ud83d"), entry(2, 4.0)))
    found = decode_partial(encode_key(KEY), encode_partial(partial))
    assert isinstance(found, Partial)
    assert [one.text for one in found.entries] == ["cut ?", None]


def test_one_that_brokers_would_refuse_goes_without_its_words(monkeypatch: pytest.MonkeyPatch) -> None:
    partial = Partial(KEY, "w", Timestamp(2.5), 3, (entry(1, 5.0, "x" * 500), entry(2, 4.0)))
    monkeypatch.setattr(format_, "MOST_BYTES", 400)
    value = encode_partial(partial)
    assert len(value) <= 400
    found = decode_partial(encode_key(KEY), value)
    assert isinstance(found, Partial)
    assert found.entries == (entry(1, 5.0), entry(2, 4.0))
