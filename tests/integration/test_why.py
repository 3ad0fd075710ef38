"""``top-tweets why``: a worker is asked over HTTP, and what it tells is put in words."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from typer.testing import CliRunner

from tests.unit.publish.http.serving import NOON, Worker, serving
from worker.cli import app
from worker.embedded import free_port
from worker.model import ALL, Campaign, MetricName, PostId, Timestamp
from worker.publish.http import BoardChance, Elsewhere, Planning, PostView

if TYPE_CHECKING:
    from collections.abc import Iterator

UNIT = "(places on boards times seconds)"
LIKES, SHARES = MetricName("favorites"), MetricName("retweets")


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    worker = Worker()
    planning = Planning(
        reason="worth",
        asked_at=Timestamp(NOON + 4),
        asked_worth=5.0,
        worth=1234.0,
        last_seat=77.0,
        half_growth=4800.0,
        boards=[
            BoardChance(ALL, SHARES, 2.0, 2.1, 2.0, 2.5, 90.0, 88.0, 0.0001),
            BoardChance(ALL, LIKES, 480.0, 521.0, 490.0, 600.0, 500.0, 495.0, 0.62),
        ],
    )
    known = PostView(
        post_id=PostId(20),
        state="measured",
        campaigns=(ALL,),
        created_at=None,
        seen_at=NOON,
        measured_at=Timestamp(NOON + 5),
        counts={LIKES: 480},
        due_at=Timestamp(NOON + 60),
        planning=planning,
    )
    worker.posts[20] = known
    worker.posts[21] = PostView(
        post_id=PostId(21),
        state="new",
        campaigns=(ALL,),
        created_at=None,
        seen_at=NOON,
        measured_at=None,
        counts={LIKES: None},
        planning=Planning(
            reason="not_asked",
            asked_at=None,
            asked_worth=None,
            worth=3.0,
            last_seat=0.0,
            half_growth=4800.0,
            boards=[BoardChance(ALL, LIKES, None, None, None, None, None, None, 1.0)],
        ),
    )
    worker.posts[22] = Elsewhere(7)
    hopeless = [
        BoardChance(Campaign(f"c{n}"), LIKES, 5.0, 6.0, 5.0, 8.0, 500.0, 495.0, n / 1000) for n in range(4)
    ]
    worker.posts[23] = replace(known, post_id=PostId(23), planning=replace(planning, boards=hopeless))
    with serving(worker) as running:
        yield running.url


def why(*arguments: str) -> tuple[int, str, str]:
    told = CliRunner().invoke(app, ["why", *arguments])
    return told.exit_code, told.stdout, told.stderr


def test_the_story_of_a_post_is_told(url: str) -> None:
    code, told, _ = why("20", f"--url={url}")
    assert code == 0
    assert told.splitlines() == [
        "Post 20, measured, in all",
        "seen 2026-11-20T12:00:00Z, measured 2026-11-20T12:00:05Z",
        "due 2026-11-20T12:01:00Z",
        "It was asked for since its answer was worth more to boards than those left out.",
        "That was 2026-11-20T12:00:04Z; worth 5 then.",
        f"Asking now is worth 1,234 {UNIT}; the last seat of a full request went for 77.",
        "  all/favorites: was 480, by now 521 (490 to 600); the bar is 500; belongs there by 62%",
        "Its chance on 1 more is below 1%.",
    ]


def test_a_new_post_has_no_numbers_yet(url: str) -> None:
    _, told, _ = why("https://twitter.com/lookup/status/21?s=20", f"--url={url}")
    assert "measured never" in told
    assert "It was not asked for" in told
    assert f"Asking now is worth 3 {UNIT}; seats are free." in told
    assert "  all/favorites: not measured; free places, as far as is known; belongs there by 100%" in told


def test_what_has_no_chance_is_told_where_it_comes_nearest(url: str) -> None:
    _, told, _ = why("23", f"--url={url}")
    assert told.splitlines()[-4:] == [
        *(
            f"  {campaign}/favorites: was 5, by now 6 (5 to 8); the bar is 500; belongs there by 0.{chance}0%"
            for campaign, chance in (("c3", 3), ("c2", 2), ("c1", 1))
        ),
        "Its chance on 1 more is below 1%.",
    ]


def test_programs_get_what_the_worker_says(url: str) -> None:
    code, told, _ = why("20", "--json", f"--url={url}")
    assert code == 0
    assert json.loads(told)["planning"]["boards"][1]["chance"] == 0.62


def test_workers_are_asked_in_turn_until_one_knows_it(url: str) -> None:
    silent = f"http://127.0.0.1:{free_port()}"
    code, told, _ = why("20", f"--url={silent}", f"--url={url}")
    assert (code, told.splitlines()[0]) == (0, "Post 20, measured, in all")


def test_what_each_said_is_told_when_none_knows_it(url: str) -> None:
    silent = f"http://127.0.0.1:{free_port()}"
    code, _, said = why("22", f"--url={silent}", f"--url={url}")
    assert code == 1
    first, second = said.splitlines()
    assert first.startswith(f"{silent}: ConnectError")
    assert "is it a worker's publish.http address?" in first
    assert "partition 7" in second


@pytest.mark.parametrize("text", ["x", "-5", "https://twitter.com/jack", ""])
def test_what_is_no_post_is_refused(text: str) -> None:
    code, _, said = why("--", text)
    assert code == 2
    assert "POST_ID" in said or "Post ID" in said
