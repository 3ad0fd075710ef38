"""Groupings: counts nested in the order asked for, and summed over what was left out."""

from __future__ import annotations

import numpy as np
import pytest

from sandbox.groupings import Nested, nested, texts

COUNTS = np.array([[1, 20], [300, 4000], [50_000, 600_000]])
AXES = {"tweet.id": ["7", "8", "9"], "engagement.type": ["favorites", "retweets"]}


@pytest.mark.parametrize(
    ("group_by", "expected"),
    [
        (
            ["tweet.id", "engagement.type"],
            {
                "7": {"favorites": "1", "retweets": "20"},
                "8": {"favorites": "300", "retweets": "4000"},
                "9": {"favorites": "50000", "retweets": "600000"},
            },
        ),
        (
            ["engagement.type", "tweet.id"],
            {
                "favorites": {"7": "1", "8": "300", "9": "50000"},
                "retweets": {"7": "20", "8": "4000", "9": "600000"},
            },
        ),
        (["engagement.type"], {"favorites": "50301", "retweets": "604020"}),
        (["tweet.id"], {"7": "21", "8": "4300", "9": "650000"}),
    ],
)
def test_each_order_of_a_grouping(group_by: list[str], expected: Nested) -> None:
    assert nested(COUNTS, AXES, group_by) == expected


def test_more_axes_nest_deeper() -> None:
    cube = np.arange(8).reshape(2, 2, 2)
    axes = {"a": ["a0", "a1"], "b": ["b0", "b1"], "c": ["c0", "c1"]}
    assert nested(cube, axes, ["c", "a", "b"]) == {
        "c0": {"a0": {"b0": "0", "b1": "2"}, "a1": {"b0": "4", "b1": "6"}},
        "c1": {"a0": {"b0": "1", "b1": "3"}, "a1": {"b0": "5", "b1": "7"}},
    }


def test_numbers_become_decimal_text_row_by_row_also_when_they_lie_otherwise_in_memory() -> None:
    numbers = np.array([[-(2**63), 0], [2**63 - 1, 5]])
    assert texts(numbers) == ["-9223372036854775808", "0", "9223372036854775807", "5"]
    assert texts(numbers.T) == ["-9223372036854775808", "9223372036854775807", "0", "5"]
    assert texts(np.empty(0, dtype=np.int64)) == []
