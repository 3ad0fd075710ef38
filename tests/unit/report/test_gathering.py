"""Pieces of a window put together: of each Post the gravest outcome, and no sum with a piece missing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from worker.catalogue import Endpoint
from worker.engagement.query import Query
from worker.model import NOT_AVAILABLE, MetricName, PostId, Timestamp
from worker.report.answered import Answered
from worker.report.gathering import Gathering, Outcome

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

A, B = PostId(3), PostId(8)
METRICS = (MetricName("impressions"), MetricName("favorites"))
QUERY = Query(Endpoint.HISTORICAL, METRICS)


def answered(
    counts: Mapping[PostId, Sequence[int]],
    metrics: tuple[MetricName, ...] = METRICS,
    outcomes: Mapping[str, Sequence[PostId]] | None = None,
) -> Answered:
    values = np.array(list(counts.values()), dtype=np.int64).reshape(len(counts), len(metrics))
    others = outcomes or {}
    return Answered(
        Timestamp(0.0),
        metrics,
        np.array(list(counts), dtype=np.int64),
        values,
        unavailable=others.get("unavailable", ()),
        refused=others.get("refused", ()),
        failed=dict.fromkeys(others.get("failed", ()), "broken"),
    )


def gathering(*pieces: Answered, queries: Sequence[Query] = (QUERY, QUERY)) -> Gathering:
    made = Gathering(np.array([A, B], dtype=np.int64), queries, METRICS)
    for number, piece in enumerate(pieces):
        made.add(number, piece)
    return made


def test_pieces_are_added_up() -> None:
    made = gathering(answered({B: (1, 2), A: (3, 4)}), answered({A: (10, 20), B: (30, 40)}))
    assert made.values().tolist() == [[13, 24], [31, 42]]
    assert made.outcomes().tolist() == [Outcome.MEASURED, Outcome.MEASURED]


@pytest.mark.parametrize("outcome", ["unavailable", "refused", "failed"])
@pytest.mark.parametrize("first", [True, False])
def test_of_a_post_that_one_piece_lacks_the_gravest_outcome_counts(outcome: str, first: bool) -> None:
    pieces = [answered({B: (1, 1)}, outcomes={outcome: [A]}), answered({A: (1, 1), B: (1, 1)})]
    made = gathering(*(pieces if first else pieces[::-1]))
    assert made.outcomes().tolist() == [Outcome[outcome.upper()], Outcome.MEASURED]


def test_who_was_not_told_of_in_every_piece_has_failed() -> None:
    made = gathering(answered({A: (1, 1), B: (1, 1)}), answered({B: (1, 1)}))
    assert made.open(1) == [A]
    assert made.outcomes("the token was refused").tolist() == [Outcome.FAILED, Outcome.MEASURED]
    assert made.reasons == {A: "the token was refused"}


def test_a_metric_that_lacks_in_a_piece_is_not_available() -> None:
    made = gathering(answered({A: (1, NOT_AVAILABLE), B: (1, 1)}), answered({A: (1, 1), B: (1, 1)}))
    assert made.values().tolist() == [[2, NOT_AVAILABLE], [2, 2]]


def test_a_metric_that_is_asked_for_in_some_pieces_only_is_of_those() -> None:
    early = Query(Endpoint.HISTORICAL, METRICS[:1])
    made = gathering(
        answered({A: (1,), B: (2,)}, METRICS[:1]), answered({A: (5, 6), B: (7, 8)}), queries=(early, QUERY)
    )
    assert made.values().tolist() == [[6, 6], [9, 8]]


def test_of_what_is_said_twice_the_first_word_counts() -> None:
    made = gathering(answered({A: (1, 1), B: (1, 1)}), answered({A: (1, 1), B: (1, 1)}))
    made.add(0, answered({A: (9, 9)}, outcomes={"unavailable": [B], "failed": [A]}))
    assert made.values().tolist() == [[2, 2], [2, 2]]
    assert made.outcomes().tolist() == [Outcome.MEASURED, Outcome.MEASURED]
    assert made.reasons == {}


def test_a_post_without_any_of_the_metrics_is_unsupported() -> None:
    nothing = (NOT_AVAILABLE, NOT_AVAILABLE)
    made = gathering(answered({A: nothing, B: (1, 1)}), answered({A: nothing, B: (1, 1)}))
    assert made.outcomes().tolist() == [Outcome.UNSUPPORTED, Outcome.MEASURED]
