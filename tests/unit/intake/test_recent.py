"""A hot Post is forwarded once, and again when there is something new about it."""

from __future__ import annotations

from tests.unit.intake.fakes import FakeClock
from worker.intake.recent import RecentPosts
from worker.model import Campaign, PostId, Seconds, Sighting, Timestamp

WINDOW = Seconds(60)


def _sighting(post_id: int, *campaigns: str, author: str | None = None, text: str | None = None) -> Sighting:
    names = tuple(Campaign(name) for name in sorted(campaigns))
    return Sighting(PostId(post_id), names, Timestamp(0), author, text)


def _recent(limit: int = 100, clock: FakeClock | None = None) -> RecentPosts:
    return RecentPosts(limit, WINDOW, clock or FakeClock())


def test_a_post_is_covered_once_it_was_noted() -> None:
    recent = _recent()
    assert not recent.covers(_sighting(1, "spring"))
    assert recent.covers(_sighting(1, "spring"))
    assert not recent.covers(_sighting(2, "spring"))


def test_fewer_campaigns_are_covered_and_another_one_is_not() -> None:
    recent = _recent()
    assert not recent.covers(_sighting(1, "autumn", "spring"))
    assert recent.covers(_sighting(1, "spring"))
    assert recent.covers(_sighting(1))
    assert not recent.covers(_sighting(1, "winter"))
    assert recent.covers(_sighting(1, "autumn", "winter"))


def test_words_that_were_not_known_before_are_not_covered() -> None:
    recent = _recent()
    assert not recent.covers(_sighting(1, "spring"))
    assert not recent.covers(_sighting(1, "spring", author="anna"))
    assert recent.covers(_sighting(1, "spring", author="anna", text="Hello"))
    assert recent.covers(_sighting(1, "spring"))


def test_a_forgotten_post_is_not_covered() -> None:
    recent = _recent(limit=4)
    for post_id in (1, 2, 3):
        recent.covers(_sighting(post_id))
    for post_id in (1, 3):
        recent.forget(PostId(post_id))
        assert not recent.covers(_sighting(post_id))


def test_a_post_is_remembered_for_half_of_the_window_at_least_and_never_beyond_it() -> None:
    clock = FakeClock()
    recent = _recent(clock=clock)
    recent.covers(_sighting(1))
    clock.time += WINDOW / 2
    recent.tick()
    assert recent.covers(_sighting(1))
    clock.time += WINDOW / 2
    recent.tick()
    assert not recent.covers(_sighting(1))


def test_no_more_than_the_limit_is_kept() -> None:
    recent = _recent(limit=10)
    for post_id in range(1000):
        recent.covers(_sighting(post_id))
        assert len(recent) <= 10
    assert recent.covers(_sighting(999))


def test_a_limit_of_none_covers_nothing() -> None:
    recent = _recent(limit=0)
    assert not recent.covers(_sighting(1))
    assert not recent.covers(_sighting(1))
    assert len(recent) == 0
