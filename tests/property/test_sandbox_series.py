"""28hr, historical and user context under any request: well-formed answers whose sums agree in every way."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import permutations
from typing import Any

import numpy as np
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from sandbox.accounts import Accounts
from sandbox.catalogue import FOUR_LEVELS, HISTORICAL, column
from sandbox.encoding import encode
from sandbox.messages import RefusedError, Request
from sandbox.series import summed
from sandbox.totals import all_totals
from sandbox.window import DAY, HOUR, LONGEST, Reach, Window, read_moment, read_window, written
from sandbox.world import World
from tests.property.test_sandbox import ANY_JSON, GROUPINGS, POST_ID, SENT_ID
from tests.unit.sandbox.asking import NOON, Clock, app_at, post_created_at
from tests.unit.sandbox.signing import DEFAULTS, signed

OWNER = Accounts(1, 1, 1.0).all[0]
LEVELS = [list(order) for length in (1, 2, 3) for order in permutations(FOUR_LEVELS[0], length)]
MOMENTS = st.integers(NOON - 400 * DAY, NOON)
TEXT_OF_A_MOMENT = MOMENTS.map(written) | MOMENTS.map(lambda moment: written(moment)[:10])
POSTS = st.lists(
    st.builds(post_created_at, st.integers(NOON - 60 * DAY, NOON), st.integers(0, 2**22 - 1)) | POST_ID,
    min_size=1,
    max_size=25,
    unique=True,
)
METRICS = st.lists(st.sampled_from(HISTORICAL.metrics), min_size=1, unique=True)
SERIES_GROUPINGS = st.lists(st.sampled_from(LEVELS), min_size=2, max_size=2).map(
    lambda chosen: {
        name: {"group_by": values}
        for name, values in zip("abc", [*chosen, list(FOUR_LEVELS[0])], strict=True)
    }
)
NEAR_MISS = st.fixed_dictionaries(
    {},
    optional={
        "tweet_ids": st.lists(SENT_ID, min_size=1, max_size=26) | ANY_JSON,
        "engagement_types": METRICS | ANY_JSON,
        "groupings": SERIES_GROUPINGS | GROUPINGS | ANY_JSON,
        "start": TEXT_OF_A_MOMENT | ANY_JSON,
        "end": TEXT_OF_A_MOMENT | ANY_JSON,
    },
)


def asked(endpoint: str, content: object) -> Any:
    """The answer to the owner of all Posts."""
    app = app_at(Clock(), accounts=1, owned=1.0)
    # The library signs no body that could be a form as well: so the body comes after signing, without a hash.
    request = signed(Request("POST", f"/insights/engagement/{endpoint}"), OWNER)
    return app.handle(replace(request, body=json.dumps(content).encode()))


def total(part: Any) -> int:
    return sum(map(total, part.values())) if isinstance(part, dict) else int(part)


def by_metric(part: Any, depth: int) -> dict[str, int]:
    """Sums by the labels of one level of nesting."""
    if depth == 0:
        return {label: total(inner) for label, inner in part.items()}
    sums: dict[str, int] = {}
    for inner in part.values():
        for label, count in by_metric(inner, depth - 1).items():
            sums[label] = sums.get(label, 0) + count
    return sums


@settings(deadline=None)
@given(st.sampled_from(["28hr", "historical", "totals"]), NEAR_MISS | ANY_JSON)
def test_any_json_gets_a_well_formed_answer(endpoint: str, content: Any) -> None:
    answer = asked(endpoint, content)
    assert answer.status in (200, 400)
    if answer.status != 200:
        assert all(isinstance(text, str) and text for text in answer.content["errors"])
    assert encode(answer, now=NOON, accepts_gzip=False, close=False)


@settings(deadline=None)
@given(st.text(max_size=60), st.text(max_size=20))
def test_any_authorization_is_refused_and_breaks_nothing(header: str, query: str) -> None:
    assume(DEFAULTS.bearer_token not in header)  # literals of the sources are tried too
    for scheme in ("", "OAuth ", 'OAuth oauth_nonce="1", ', "Bearer "):
        headers = {"authorization": scheme + header, "host": "a"}
        answer = app_at(Clock()).handle(Request("POST", "/insights/engagement/28hr", query, headers))
        assert answer.status == 401
        assert answer.content["errors"][0].startswith("Your account could not be authenticated. Reason: ")


@settings(deadline=None)
@given(POSTS, METRICS, SERIES_GROUPINGS, TEXT_OF_A_MOMENT, st.integers(1, LONGEST))
def test_all_groupings_of_any_window_add_up_to_what_was_gained_in_it(
    ids: list[int], metrics: list[str], groupings: dict[str, Any], start: str, length: int
) -> None:
    first = int(read_moment("start", start))
    end = written(min(first + length, NOON))
    content = {
        "tweet_ids": ids,
        "engagement_types": metrics,
        "groupings": groupings,
        "start": start,
        "end": end,
    }
    answer = asked("historical", content)
    if answer.status == 400:
        assert "unavailable_tweet_ids" in answer.content or end <= start
        return
    told = answer.content
    window = read_window(start, end, Reach(0, 0), NOON)
    assert (told["start"], told["end"]) == (written(window.start), written(window.end))
    gone = set(map(int, told.get("unavailable_tweet_ids", [])))
    left = np.array([post_id for post_id in ids if post_id not in gone], dtype=np.int64)
    gained = summed(World(1), left, window, NOON).sum(axis=0)
    expected = {name: int(gained[column(name)]) for name in metrics}
    for name, grouping in groupings.items():
        values = grouping["group_by"]
        assert total(told[name]) == sum(expected.values())
        if "engagement.type" in values:
            assert by_metric(told[name], values.index("engagement.type")) == expected
        if "engagement.day" in values:
            days = by_metric(told[name], values.index("engagement.day"))
            assert len(days) == len(window.days)
        if "engagement.hour" in values:
            hours = by_metric(told[name], values.index("engagement.hour"))
            assert len(hours) == min(24, len(window.hours))


@settings(deadline=None)
@given(POSTS, st.lists(MOMENTS.map(lambda moment: moment // HOUR * HOUR), min_size=3, max_size=3).map(sorted))
def test_windows_that_touch_add_up(ids: list[int], times: list[int]) -> None:
    posts, (first, middle, last) = np.array(ids, dtype=np.int64), times
    parts = (summed(World(1), posts, Window(*ends), NOON) for ends in ((first, middle), (middle, last)))
    whole = summed(World(1), posts, Window(first, last), NOON)
    np.testing.assert_array_equal(sum(parts), whole)
    assert (whole >= 0).all()


@settings(deadline=None)
@given(POSTS, st.integers(-5, 5))
def test_totals_are_all_that_was_gained_since_creation(ids: list[int], seed: int) -> None:
    world = World(seed, falls=0.0, videos_elsewhere=0.0)
    young = np.array([one for one in ids if one > post_created_at(NOON - 80 * DAY)], dtype=np.int64)
    ever = Window(NOON - 81 * DAY, NOON)
    np.testing.assert_array_equal(summed(world, young, ever, NOON), all_totals(world, young, NOON))


@settings(deadline=None)
@given(MOMENTS, st.integers(1, LONGEST), st.floats(0, 3599))
def test_windows_move_outwards_to_whole_hours_by_less_than_an_hour(
    start: int, length: int, later: float
) -> None:
    end = min(start + length, NOON)
    try:
        window = read_window(written(start), written(end), Reach(0, 0), NOON + later)
    except RefusedError:
        assert end <= start
        return
    assert window.start % HOUR == window.end % HOUR == 0
    assert 0 <= start - window.start < HOUR
    assert 0 <= window.end - end < HOUR
