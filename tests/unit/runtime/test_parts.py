"""What parts are made of, where settings of two tables meet."""

from __future__ import annotations

import pytest

from tests.unit.engagement.fakes import SetClock
from tests.unit.settings.environment import loaded
from worker import parts
from worker.catalogue import Endpoint
from worker.engagement import Limit


@pytest.mark.parametrize(("rate", "linger"), [("60", 2.0), ("1", 2.0), ("0.25", 0.0)])
def test_below_one_request_a_minute_no_slot_is_missed_by_waiting_for_more_posts(
    rate: str, linger: float
) -> None:
    settings = loaded(ENGAGEMENT__REQUESTS_PER_MINUTE=rate)
    assert parts.make_timing(settings, Endpoint.TOTALS).linger == linger


def test_slots_are_those_of_the_contract() -> None:
    slots = parts.make_slots(loaded(ENGAGEMENT__REQUESTS_PER_MINUTE="0.05"), SetClock())
    assert slots.limit == Limit.of(0.05)
