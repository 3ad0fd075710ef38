"""The format of the sightings topic: small, readable, and honest about what it cannot read."""

from __future__ import annotations

import pytest

from tests.unit.formats.messages import AT, POST_ID, reason
from worker.formats.wire import decode, encode_sighting, encode_tombstone
from worker.model import Campaign, PostId, Sighting, Timestamp, Tombstone

KEY = str(POST_ID).encode()
CAMPAIGNS = (Campaign("spring"), Campaign('a "quoted",é'))


def test_a_sighting_is_small_readable_json_under_its_id() -> None:
    sighting = Sighting(PostId(POST_ID), CAMPAIGNS, AT, "anna", "Doors open\n")
    assert encode_sighting(sighting) == (
        KEY,
        '{"v":1,"campaigns":["spring","a \\"quoted\\",é"],"seen_at":1763719740.125,'
        '"author":"anna","text":"Doors open\\n"}'.encode(),
    )
    assert encode_sighting(Sighting(PostId(5), (), AT)) == (
        b"5",
        b'{"v":1,"campaigns":[],"seen_at":1763719740.125}',
    )


@pytest.mark.parametrize(
    "sighting",
    [
        Sighting(PostId(POST_ID), CAMPAIGNS, AT),
        Sighting(PostId(POST_ID), CAMPAIGNS, AT, "anna"),
        Sighting(PostId(POST_ID), (), AT, None, ',"seen_at":5}'),
        Sighting(PostId(POST_ID), (Campaign(',"seen_at":1.5}'),), AT),
    ],
)
def test_what_is_encoded_is_decoded(sighting: Sighting) -> None:
    assert decode(*encode_sighting(sighting)) == sighting


def test_equal_campaigns_share_one_tuple() -> None:
    key, value = encode_sighting(Sighting(PostId(POST_ID), CAMPAIGNS, AT))
    first, second = decode(key, value), decode(key, bytes(bytearray(value)))
    assert isinstance(first, Sighting)
    assert isinstance(second, Sighting)
    assert first.campaigns is second.campaigns


def test_a_null_value_is_a_tombstone() -> None:
    assert decode(*encode_tombstone(PostId(POST_ID))) == Tombstone(PostId(POST_ID))


@pytest.mark.parametrize("value", [b'{"v":2,"campaigns":[],"seen_at":1.5}', b'{"v":7,"posts":[]}'])
def test_a_newer_version_is_said_to_be_newer(value: bytes) -> None:
    unreadable = decode(KEY, value)
    assert reason(unreadable) == "wire_version"
    assert "up to date" in str(unreadable)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        (None, b"{}"),
        (b"", None),
        (b"anna", None),
        (KEY, b""),
        (KEY, b"\xff"),
        (KEY, b"[]"),
        (KEY, b"{}"),
        (KEY, b'{"v":0,"campaigns":[],"seen_at":1.5}'),
        (KEY, b'{"v":"2","campaigns":[],"seen_at":1.5}'),
        (KEY, b'{"v":1,"campaigns":[]}'),
        (KEY, b'{"v":1,"campaigns":[],"seen_at":}'),
        (KEY, b'{"v":1,"campaigns":[],"seen_at":1.5'),
        (KEY, b'{"v":1,"campaigns":[],"seen_at":"now"}'),
        (KEY, b'{"v":1,"campaigns":["a",5],"seen_at":1.5}'),
        (KEY, b'{"v":1,"campaigns":[["a"]],"seen_at":1.5}'),
        (KEY, b'{"v":1,"campaigns":"a","seen_at":1.5}'),
        (KEY, b'{"v":1,"campaigns":[],"seen_at":1.5,"author":5}'),
        (KEY, b'{"v":1,"campaigns":[],"seen_at":1.5,"text":["a"]}'),
    ],
)
def test_what_is_no_sighting_is_a_dead_letter(key: bytes | None, value: bytes | None) -> None:
    assert reason(decode(key, value)) == "wire_malformed"


def test_a_value_written_with_blanks_or_whole_seconds_is_read_too() -> None:
    value = b'{ "v": 1, "seen_at": 1763719740, "campaigns": ["spring"] }'
    assert decode(KEY, value) == Sighting(PostId(POST_ID), (Campaign("spring"),), Timestamp(1763719740))
