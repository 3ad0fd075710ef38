"""A report's figures do not depend on how its Posts came, or when it was interrupted."""

from __future__ import annotations

import io
import random
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.report.making import NOW, FakeApi, document_of, measure, posts
from worker.formats.rules import ReadingRules
from worker.model import MAX_POST_ID, NOT_AVAILABLE, MetricName
from worker.report.document import OUTCOMES
from worker.report.posts import Inbox
from worker.report.tally import tally

if TYPE_CHECKING:
    from worker.report.document import Document

METRIC = MetricName("favorites")
many_ids = st.lists(st.integers(1, 900), min_size=1, max_size=700, unique=True)
counts = st.dictionaries(st.integers(1, MAX_POST_ID), st.none() | st.integers(-3, 5), max_size=40)


@given(counts, st.integers(0, 12))
def test_a_top_is_the_plain_sort_with_the_older_post_first(of: dict[int, int | None], size: int) -> None:
    ids = sorted(of)
    column = [NOT_AVAILABLE if (count := of[post_id]) is None else count for post_id in ids]
    values = np.array(column, dtype=np.int64).reshape(-1, 1)
    told = tally(np.array(ids, dtype=np.int64), values, [METRIC], size)
    available = [(-count, post_id) for post_id, count in of.items() if count is not None]
    expected = [(post_id, -negated) for negated, post_id in sorted(available)][:size]
    assert [(place.post_id, place.value) for place in told.top[METRIC]] == expected
    assert [place.rank for place in told.top[METRIC]] == list(range(1, len(expected) + 1))
    assert told.totals[METRIC].value == (-sum(count for count, _ in available) if available else None)


@given(many_ids, st.data())
def test_any_order_and_split_of_the_files_gives_the_same_posts(ids: list[int], data: st.DataObject) -> None:
    again = data.draw(st.lists(st.sampled_from(ids), max_size=20))
    shuffled = data.draw(st.permutations([*ids, *again]))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(shuffled)), max_size=4)))
    inbox = Inbox(NOW, ReadingRules())
    for start, end in zip([0, *cuts], [*cuts, len(shuffled)], strict=True):
        lines = [
            f'{{"id": {one}, "campaign": "c{one % 3}"}}' if one % 2 else str(one)
            for one in shuffled[start:end]
        ]
        inbox.read(io.BytesIO("\n".join(lines).encode()), "file")
    read = inbox.posts()
    assert read.ids.tolist() == sorted(ids)
    assert (read.given, read.unreadable_count) == (len(shuffled), 0)
    for name, rows in read.campaigns.items():
        assert read.ids[rows].tolist() == sorted(one for one in ids if one % 2 and f"c{one % 3}" == name)


@given(many_ids, st.integers(0, 2**32), st.integers(1, 6), st.lists(st.integers(1, 3), max_size=4))
def test_interrupted_at_any_points_it_tells_the_same_and_each_post_is_in_one_outcome(
    ids: list[int], seed: int, in_flight: int, interruptions: list[int]
) -> None:
    chance = random.Random(seed)  # noqa: S311 -- no secret

    def some() -> frozenset[int]:
        return frozenset(chance.sample(ids, chance.randrange(len(ids) + 1) // 8))

    gone, secret, broken = some(), some(), some()
    given_posts = posts(ids, campaigns={"spring": ids[: len(ids) // 2]})

    def api() -> FakeApi:
        return FakeApi(gone=gone, secret=secret, broken=broken)

    with tempfile.TemporaryDirectory() as folder:
        whole = measure(api(), given_posts, Path(folder, "whole"), by=["campaign"])
        interrupted = api()
        results = None
        for after in [*interruptions, None]:
            results = measure(
                interrupted,
                given_posts,
                Path(folder, "interrupted"),
                by=["campaign"],
                resume=True,
                in_flight=in_flight,
                interrupt_at=after,
            )
    assert whole is not None
    assert results is not None
    told: Document = document_of(results, by=["campaign"])
    assert told == document_of(whole, by=["campaign"])
    asked = interrupted.times_asked
    assert all(count == 1 or post_id in broken for post_id, count in asked.items())
    assert asked.keys() == set(ids)
    assert sum(told["posts"][outcome.name.lower()] for outcome in OUTCOMES) == len(ids)
    named = [post["post_id"] for posts_ in told["outcomes"].values() for post in posts_]
    assert sorted(map(int, [*named, *told["counts"]["post_id"]])) == sorted(ids)
