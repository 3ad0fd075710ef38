"""Every Sighting survives the wire; no bytes on it raise."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from worker.formats.wire import decode, encode_sighting
from worker.model import MAX_POST_ID, Sighting, Tombstone, Unreadable

texts = st.text(st.characters(codec="utf-8"), max_size=30)
names = texts.filter(lambda name: name and name.casefold() != "all")
sightings = st.builds(
    Sighting,
    st.integers(1, MAX_POST_ID),
    st.lists(names | st.just(',"seen_at":'), max_size=4).map(tuple),
    st.floats(0, 4e9),
    st.none() | texts,
    st.none() | texts,
)


@given(sightings)
def test_what_is_encoded_is_decoded(sighting: Sighting) -> None:
    assert decode(*encode_sighting(sighting)) == sighting


@given(sightings, st.data())
def test_mutated_bytes_never_raise(sighting: Sighting, data: st.DataObject) -> None:
    key, encoded = encode_sighting(sighting)
    value = bytearray(encoded)
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(value)))
        value[at : at + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=3))
    decoded = decode(key, bytes(value))
    assert isinstance(decoded, Sighting | Unreadable)
    if isinstance(decoded, Sighting):
        assert decode(*encode_sighting(decoded)) == decoded


@given(st.none() | st.binary(max_size=30), st.none() | st.binary(max_size=60))
def test_any_bytes_are_read_or_refused(key: bytes | None, value: bytes | None) -> None:
    assert isinstance(decode(key, value), Sighting | Tombstone | Unreadable)
