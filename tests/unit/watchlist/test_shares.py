"""Posts counted by partition and campaign, and which campaigns a partition has lost."""

from tests.unit.watchlist.making import A, B
from worker.model import ALL
from worker.watchlist.shares import Shares


def test_posts_are_counted_by_partition_and_campaign() -> None:
    shares = Shares()
    shares.add(0, (ALL, A), 3)
    shares.add(1, (ALL, A, B))
    shares.take(0, (ALL, A), 2)
    assert [shares.tracked(0, campaign) for campaign in (ALL, A, B)] == [1, 1, 0]
    assert [shares.tracked(1, campaign) for campaign in (ALL, A, B)] == [1, 1, 1]


def test_a_campaign_is_closed_in_a_partition_with_its_last_post_there_and_told_once() -> None:
    shares = Shares()
    shares.add(0, (ALL, A), 2)
    shares.add(1, (ALL, A))
    shares.take(0, (ALL, A))
    assert shares.take_closed() == set()
    shares.take(0, (ALL, A))
    assert shares.take_closed() == {(0, ALL), (0, A)}
    assert shares.take_closed() == set()


def test_a_campaign_that_opened_again_is_not_told_as_closed() -> None:
    shares = Shares()
    shares.add(0, (ALL, A, B))
    shares.take(0, (ALL, A, B))
    shares.add(0, (ALL, A))
    assert shares.take_closed() == {(0, B)}


def test_a_partition_dropped_has_no_posts_and_the_others_keep_theirs() -> None:
    shares = Shares()
    shares.add(0, (ALL, A), 2)
    shares.add(1, (ALL, A))
    shares.drop(0)
    assert [shares.tracked(one, A) for one in (0, 1)] == [0, 1]
    assert shares.take_closed() == {(0, ALL), (0, A)}
