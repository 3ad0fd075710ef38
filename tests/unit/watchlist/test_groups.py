"""Sets of campaigns: counted, folded beyond the limit, opened again."""

from tests.unit.watchlist.making import A, B, C
from worker.model import ALL
from worker.watchlist.groups import Groups


def test_every_set_has_all_and_names_it_first() -> None:
    groups = Groups(10)
    assert groups.campaigns_of(groups.join((B, A))) == (ALL, A, B)
    assert groups.campaigns_of(groups.join(())) == (ALL,)


def test_the_same_campaigns_are_the_same_set_however_they_are_named() -> None:
    groups = Groups(10)
    assert groups.join((A, B)) == groups.join((B, A)) == groups.join((ALL, A, B)) == groups.join((A, A, B))


def test_posts_are_counted_by_campaign() -> None:
    groups = Groups(10)
    one, both = groups.join((A,)), groups.join((A, B))
    groups.join((A,))
    assert [groups.posts_in(campaign) for campaign in (ALL, A, B, C)] == [3, 3, 1, 0]
    groups.leave(one, 2)
    assert [groups.posts_in(campaign) for campaign in (ALL, A, B)] == [1, 1, 1]
    assert groups.with_campaign(A) == [both]


def test_campaigns_beyond_the_limit_fold_into_all_and_are_counted() -> None:
    groups = Groups(2)
    groups.join((A,))
    assert groups.campaigns_of(groups.join((B, C))) == (ALL, B)
    assert groups.campaigns_of(groups.join((C,))) == (ALL,)
    assert groups.folded == 2
    assert set(groups.campaigns()) == {ALL, A, B}


def test_all_takes_no_room_from_the_campaigns() -> None:
    groups = Groups(1)
    groups.join(())
    assert groups.campaigns_of(groups.join((A,))) == (ALL, A)
    assert groups.folded == 0


def test_a_campaign_that_closes_makes_room_for_another() -> None:
    groups = Groups(1)
    first = groups.join((A,))
    groups.join((B,))
    groups.leave(first)
    assert groups.campaigns_of(groups.join((B,))) == (ALL, B)
    assert groups.folded == 1


def test_numbers_used_again_stand_for_the_new_set() -> None:
    groups = Groups(10)
    groups.join(())
    first = groups.join((A,))
    groups.leave(first)
    again = groups.join((B,))
    assert again == first
    assert groups.campaigns_of(again) == (ALL, B)
    assert groups.campaigns_of(groups.join((A,))) == (ALL, A)
    assert dict(groups.sets())[again] == (ALL, B)
    assert groups.with_campaign(A) != groups.with_campaign(B)


def test_numbers_are_dense_also_after_some_were_free() -> None:
    groups = Groups(10)
    numbers = [groups.join((campaign,)) for campaign in (A, B, C)]
    groups.leave(numbers[1])
    assert sorted(number for number, _ in groups.sets()) == [numbers[0], numbers[2]]
    assert groups.join((A, B)) == numbers[1]
    assert groups.join((A, C)) == 3
