"""Every record of the journal survives its format; no bytes in it raise."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from worker.formats.journal import (
    CLAIM_KEY,
    Claim,
    Epoch,
    Retired,
    decode,
    encode_claim,
    encode_retired,
    encode_saved,
    writer_of,
)
from worker.model import MAX_POST_ID, Growing, PostId, SavedPost, Timestamp, Unreadable

BY = "0a1b2c3d"

texts = st.text(st.characters(codec="utf-8"), max_size=20)
names = texts.filter(lambda name: name and name.casefold() != "all")
times = st.floats(1, 4e9)
numbers = st.integers(0, 2**53).map(float) | st.floats(-1e15, 1e15)
values = st.dictionaries(texts, numbers, max_size=4)
growing = st.none() | st.builds(Growing, times, values)


def _as_it_is(saved: SavedPost) -> SavedPost:
    """Values are of what was measured, by totals or the last 28 hours; what is gone has none."""
    if saved.measured_at is None:
        saved = saved._replace(gone=False)
    if saved.gone or (saved.measured_at is None and saved.measured_28h_at is None):
        saved = saved._replace(values={})
    return saved


saved_posts = st.builds(
    SavedPost,
    st.integers(1, MAX_POST_ID).map(PostId),
    st.lists(names, max_size=3).map(tuple),
    times,
    st.none() | texts,
    st.none() | texts,
    st.none() | times,
    st.booleans(),
    values,
    st.none() | times,
    growing,
    growing,
    st.none() | texts,
    st.booleans(),
).map(_as_it_is)


@given(saved_posts)
def test_what_is_encoded_is_decoded_and_says_who_wrote_it(saved: SavedPost) -> None:
    key, value = encode_saved(saved, BY)
    assert decode(key, value) == saved
    assert writer_of(value, []) == BY


@given(st.integers(1, MAX_POST_ID).map(PostId))
def test_a_tombstone_is_decoded_and_says_who_wrote_it(post_id: PostId) -> None:
    key, value, headers = encode_retired(post_id, BY)
    assert decode(key, value) == Retired(post_id)
    assert writer_of(value, headers) == BY


@given(st.integers(0, 10**6), st.integers(0, 10**6), st.integers(-1, 2**31 - 1), times)
def test_a_claim_is_decoded_and_says_who_wrote_it(turn: int, era: int, generation: int, at: float) -> None:
    claim = Claim(BY, turn, Epoch(era, generation))
    key, value = encode_claim(claim, Timestamp(at))
    assert decode(key, value) == claim
    assert writer_of(value, []) == BY


@given(saved_posts, st.data())
def test_mutated_bytes_never_raise(saved: SavedPost, data: st.DataObject) -> None:
    key, encoded = encode_saved(saved, BY)
    value = bytearray(encoded)
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(value)))
        value[at : at + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=3))
    decoded = decode(key, bytes(value))
    assert isinstance(decoded, SavedPost | Unreadable)
    assert isinstance(writer_of(bytes(value), []), str | None)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=6,
)
FIELDS = (
    "v",
    "by",
    "campaigns",
    "seen_at",
    "author",
    "text",
    "measured_at",
    "values",
    "base",
    "kept",
    "turn",
    "era",
    "generation",
)


@given(st.dictionaries(st.sampled_from(FIELDS), json_values | st.just(1)), st.sampled_from([b"7", CLAIM_KEY]))
def test_any_document_is_read_or_refused(document: dict[str, object], key: bytes) -> None:
    value = json.dumps(document).encode()
    assert isinstance(decode(key, value), SavedPost | Claim | Unreadable)
    assert isinstance(writer_of(value, []), str | None)


@given(st.none() | st.binary(max_size=30), st.none() | st.binary(max_size=60))
def test_any_bytes_are_read_or_refused(key: bytes | None, value: bytes | None) -> None:
    assert isinstance(decode(key, value), SavedPost | Retired | Claim | Unreadable)
    headers = [("other", b""), ("by", key or b"")]
    assert isinstance(writer_of(value, headers), str | None)
