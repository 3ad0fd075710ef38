"""Our own topics hold what workers write; what none of them can have written is refused, however readable."""

from __future__ import annotations

import pytest

from worker.formats.journal import CLAIM_KEY
from worker.formats.journal import decode as decode_journal
from worker.formats.partial import decode_partial
from worker.formats.wire import decode
from worker.model import Unreadable
from worker.publish.boards_topic import Stamp, stamp_of

ODD_MOMENTS = ("1e300", "-1", "253402300800", str(10**30))
ODD_CAMPAIGNS = ('""', '"all"', '"ALL"', r'"\ud800"', f'"{"x" * 1001}"')


@pytest.mark.parametrize("moment", ODD_MOMENTS)
def test_a_time_that_no_calendar_has_is_refused(moment: str) -> None:
    value = f'{{"v":1,"campaigns":[],"seen_at":{moment},"by":"0a1b2c3d"}}'.encode()
    assert isinstance(decode(b"7", value), Unreadable)
    assert isinstance(decode_journal(b"7", value), Unreadable)
    shown = f'{{"v":1,"writer":"a","as_of":1.0,"tracked_posts":1,"entries":[["7",1.0,{moment}]]}}'.encode()
    assert isinstance(decode_partial(b"all/favorites/0", shown), Unreadable)


@pytest.mark.parametrize("campaign", ODD_CAMPAIGNS)
def test_a_campaign_that_intake_never_names_is_refused(campaign: str) -> None:
    value = f'{{"v":1,"campaigns":[{campaign}],"seen_at":1.0,"by":"0a1b2c3d"}}'.encode()
    assert isinstance(decode(b"7", value), Unreadable)
    assert isinstance(decode_journal(b"7", value), Unreadable)


@pytest.mark.parametrize("name", ["author", "text"])
def test_a_text_that_could_not_be_written_again_is_refused(name: str) -> None:
    value = f'{{"v":1,"campaigns":[],"seen_at":1.0,"{name}":"\\ud800"}}'.encode()
    assert isinstance(decode(b"7", value), Unreadable)
    assert isinstance(decode_journal(b"7", value), Unreadable)


@pytest.mark.parametrize("number", ["1e300", str(2**63), str(-(2**63)), str(10**30)])
def test_a_number_beyond_64_bits_is_refused(number: str) -> None:
    saved = f'{{"v":1,"by":"0a1b2c3d","campaigns":[],"seen_at":1.0,"values":{{"favorites":{number}}}}}'
    assert isinstance(decode_journal(b"7", saved.encode()), Unreadable)
    for tracked, value in ((number, "1.0"), ("1", number)):
        shown = f'{{"v":1,"writer":"a","as_of":1.0,"tracked_posts":{tracked},"entries":[["7",{value},1.0]]}}'
        assert isinstance(decode_partial(b"all/favorites/0", shown.encode()), Unreadable)


@pytest.mark.parametrize(("era", "generation"), [(2**63 - 1, 1), (2**64 - 1, 1), (0, 2**31), (-2, 1)])
def test_a_claim_that_could_not_be_outbid_is_refused(era: int, generation: int) -> None:
    value = f'{{"v":1,"by":"0a1b2c3d","turn":1,"era":{era},"generation":{generation}}}'.encode()
    assert isinstance(decode_journal(CLAIM_KEY, value), Unreadable)


@pytest.mark.parametrize("epoch", [b"-1", b" 8 ", b"1_0", b"9" * 16, b"9" * 400, "٣".encode(), b""])
def test_an_epoch_that_no_publisher_writes_is_none(epoch: bytes) -> None:
    assert stamp_of([("epoch", epoch), ("sequence", b"1"), ("writer", b"a")]) == Stamp(0, 0, "")
    assert stamp_of([("epoch", b"8"), ("sequence", b"1"), ("writer", b"a")]) == Stamp(8, 1, "a")
