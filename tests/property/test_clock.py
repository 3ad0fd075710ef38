"""A fast clock goes as it says, whatever the machine's does, and the sandbox's is the same one."""

from __future__ import annotations

import math
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.clock import fast, read_since
from worker.clock import FastClock, at_pace, rest
from worker.model import REAL_TIME, Pace, Seconds, Timestamp
from worker.settings.types import parse_moment, write_moment

SINCE = 1_763_719_740.25
DAY = 86_400.0
SPEEDS = st.floats(1, 1000)
MOMENTS = st.floats(0, DAY).map(lambda passed: Timestamp(SINCE + passed))
LENGTHS = st.floats(0, DAY).map(Seconds)


@dataclass
class Machine:
    """Two clocks as a machine has them: set, and not set back."""

    time: float
    passed: float = 0.0

    def now(self) -> Timestamp:
        return Timestamp(self.time)

    def monotonic(self) -> Seconds:
        return Seconds(self.passed)


@given(SPEEDS, MOMENTS, LENGTHS)
def test_both_of_its_times_pass_so_many_times_as_fast(speed: float, at: Timestamp, length: Seconds) -> None:
    machine = Machine(at)
    clock = FastClock(Pace(speed, Timestamp(SINCE)), machine)
    now, passed = clock.now(), clock.monotonic()
    machine.time += length
    machine.passed += length
    # A float has the time of day to a quarter of a microsecond, which goes faster too.
    assert clock.now() - now == pytest.approx(speed * length, abs=speed * 1e-6)
    assert clock.monotonic() - passed == pytest.approx(speed * length)


@given(SPEEDS)
def test_it_was_equal_to_the_machine_s_when_it_began(speed: float) -> None:
    assert FastClock(Pace(speed, Timestamp(SINCE)), Machine(SINCE)).now() == SINCE


@given(SPEEDS, MOMENTS)
def test_the_sandbox_s_clock_tells_the_same(speed: float, at: Timestamp) -> None:
    pace = Pace(speed, Timestamp(SINCE))
    assert fast(lambda: at, speed, SINCE)() == pace.moment(at)


@given(SPEEDS, st.lists(MOMENTS, min_size=2, max_size=2))
def test_it_never_goes_back_while_the_machine_s_does_not(speed: float, times: list[Timestamp]) -> None:
    pace = Pace(speed, Timestamp(SINCE))
    earlier, later = sorted(times)
    assert pace.moment(earlier) <= pace.moment(later)


@given(SPEEDS, LENGTHS)
def test_a_wait_of_the_machine_s_lasts_as_long_as_was_meant(speed: float, length: Seconds) -> None:
    pace = Pace(speed, Timestamp(SINCE))
    assert pace.passed(pace.lasts(length)) == pytest.approx(length)
    assert pace.lasts(length) <= length


@given(MOMENTS, LENGTHS)
def test_real_time_is_the_machine_s_to_the_last_digit(at: Timestamp, length: Seconds) -> None:
    machine = Machine(at, length)
    assert at_pace(Pace(1.0, Timestamp(SINCE)), machine) is machine
    assert REAL_TIME.moment(at) == at
    assert (REAL_TIME.passed(length), REAL_TIME.lasts(length)) == (length, length)
    assert rest(REAL_TIME, length) == length


@given(SPEEDS, LENGTHS)
def test_a_loop_rests_no_longer_than_meant_and_not_next_to_nothing(speed: float, length: Seconds) -> None:
    pause = rest(Pace(speed, Timestamp(SINCE)), length)
    assert pause <= length
    assert pause >= min(length, 0.01)
    assert pause >= length / speed or math.isclose(pause, length / speed)


@given(st.floats(0, 4e9))
def test_a_moment_is_read_back_as_it_was_written_by_worker_and_sandbox(seconds: float) -> None:
    moment = parse_moment(seconds)
    assert abs(moment - seconds) <= 1e-6
    assert parse_moment(write_moment(moment)) == moment == read_since(write_moment(moment))


@given(st.text(max_size=30) | st.floats(0, 9e11).map(str))
def test_any_text_is_the_same_moment_for_worker_and_sandbox_or_none(text: str) -> None:
    try:
        moment = parse_moment(text)
    except ValueError:
        return
    assert read_since(text) == pytest.approx(moment, abs=1e-6)
