"""The demo's Posts are published as time passes, can be read, and are the same for the same seed."""

from __future__ import annotations

from worker.demo.posts import CAMPAIGNS, DemoPosts
from worker.formats.record import RecordReader
from worker.formats.rules import ReadingRules
from worker.model import Sighting, Timestamp, created_at

STARTED = Timestamp(1_763_719_740.0)


def _published(seed: int = 1, seconds: int = 60) -> tuple[DemoPosts, list[tuple[bytes, bytes]]]:
    posts = DemoPosts(seed, 5.0, STARTED)
    return posts, [record for passed in range(seconds + 1) for record in posts.published(float(passed))]


def test_so_many_posts_are_published_as_were_asked_for() -> None:
    posts, records = _published(seconds=60)
    assert len(posts.post_ids) == 300
    assert len(set(posts.post_ids)) == 300
    assert len(records) > 300, "and retweets among them"


def test_each_post_was_created_when_it_is_published() -> None:
    posts, _ = _published()
    for number, post_id in enumerate(posts.post_ids):
        at = created_at(post_id)
        assert at is not None
        assert abs(at - (STARTED + number / 5.0)) < 0.01


def test_every_record_is_a_sighting_of_a_published_post_in_the_demos_campaigns() -> None:
    posts, records = _published()
    reader = RecordReader(ReadingRules())
    seen = set()
    for key, value in records:
        reading = reader.read(value, key, (), "posts", STARTED)
        assert isinstance(reading, Sighting)
        assert set(reading.campaigns) <= set(CAMPAIGNS)
        seen.add(reading.post_id)
    assert seen == set(posts.post_ids)


def test_the_same_seed_publishes_the_same() -> None:
    assert _published(seed=7)[1] == _published(seed=7)[1]
    assert _published(seed=7)[1] != _published(seed=8)[1]
