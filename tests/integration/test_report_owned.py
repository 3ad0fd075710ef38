"""Reports on Posts of accounts that gave permission: private totals, the last 28 hours, long periods."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from typer.testing import CliRunner

from sandbox.accounts import Accounts
from sandbox.server import SandboxSettings
from tests.tools.api_servers import sandbox_in_a_thread
from tests.unit.settings.environment import set_environment
from worker.cli import app
from worker.model import Timestamp, first_post_id
from worker.report.dates import iso

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from typer.testing import Result

    from worker.model import IntArray

SETTINGS = SandboxSettings(requests_per_minute=0)
ACCOUNTS = Accounts(SETTINGS.seed, SETTINGS.accounts, SETTINGS.owned)
OWNERS = {account.account_id: account for account in ACCOUNTS.all}
TOKEN = "sandbox-token"
DAY = 86_400.0


def ids(count: int, days_old: float) -> IntArray:
    """Posts of any authors, all made within an hour."""
    first = first_post_id(Timestamp(time.time() - days_old * DAY))
    return np.array([first + (number << 28) for number in range(count)], dtype=np.int64)


def posts_with_authors(post_ids: IntArray) -> str:
    """The Posts as JSON Lines, each with its author's handle."""
    authors = ACCOUNTS.authors(post_ids).tolist()
    return "".join(
        json.dumps(
            {
                "id_str": str(post_id),
                "user": {"screen_name": OWNERS[author].handle if author in OWNERS else f"u{author}"},
            }
        )
        + "\n"
        for post_id, author in zip(post_ids.tolist(), authors, strict=True)
    )


def owned(post_ids: IntArray) -> IntArray:
    return post_ids[np.isin(ACCOUNTS.authors(post_ids), list(OWNERS))]


@pytest.fixture(autouse=True)
def _sandbox(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.chdir(tmp_path)
    lines = [f'[[accounts]]\nhandle = "{account.handle}"\n' for account in ACCOUNTS.all]
    (tmp_path / "accounts.toml").write_text("".join(lines))
    with sandbox_in_a_thread(SETTINGS) as running:
        variables = {
            "TOPTWEETS_ENGAGEMENT__URL": running.url,
            "TOPTWEETS_ENGAGEMENT__BEARER_TOKEN": TOKEN,
            "TOPTWEETS_ENGAGEMENT__CONSUMER_KEY": SETTINGS.consumer_key,
            "TOPTWEETS_ENGAGEMENT__CONSUMER_SECRET": SETTINGS.consumer_secret,
            "TOPTWEETS_ENGAGEMENT__ACCOUNTS_FILE": "accounts.toml",
            "TOPTWEETS_ENGAGEMENT__REQUESTS_PER_MINUTE": "1000000",
        }
        for account in ACCOUNTS.all:
            variables[f"TOPTWEETS_ACCOUNTS__{account.handle.upper()}__TOKEN"] = account.token
            variables[f"TOPTWEETS_ACCOUNTS__{account.handle.upper()}__TOKEN_SECRET"] = account.secret
        set_environment(monkeypatch, variables)
        yield


def report(*arguments: object) -> Result:
    result = CliRunner().invoke(app, ["report", *map(str, arguments)])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result


def told(folder: Path) -> dict[str, Any]:
    document: dict[str, Any] = json.loads((folder / "report" / "report.json").read_text())
    return document


def test_private_totals_are_had_of_owned_posts_that_are_young(tmp_path: Path) -> None:
    young, old = ids(80, 10), ids(80, 100)
    (tmp_path / "posts.jsonl").write_text(posts_with_authors(np.concatenate([young, old])))
    assert report("posts.jsonl", "--metrics", "impressions,engagements,favorites").exit_code == 0
    document = told(tmp_path)
    counts = document["counts"]
    told_of = {
        int(post_id)
        for post_id, impressions in zip(counts["post_id"], counts["impressions"], strict=True)
        if impressions is not None
    }
    gone = {int(post["post_id"]) for post in document["outcomes"]["unavailable"]}
    assert told_of == set(owned(young).tolist()) - gone
    assert None not in counts["favorites"]
    assert 0 < document["engagement_rate"] < 1
    assert document["accounts"] == sorted(account.handle for account in ACCOUNTS.all)


def test_the_last_28_hours_come_as_a_series_that_adds_up(tmp_path: Path) -> None:
    of = ids(120, 0.5)
    (tmp_path / "posts.jsonl").write_text(posts_with_authors(of))
    result = report("posts.jsonl", "--endpoint", "28hr", "--group-by", "hour", "--by", "author")
    assert result.exit_code == 0, result.output
    document = told(tmp_path)
    assert document["posts"]["unsupported"] == 120 - len(owned(of))
    assert document["posts"]["measured"] > 0
    for metric, total in document["totals"].items():
        points = [point["value"] for point in document["series"][metric]]
        assert len(points) in (28, 29)
        assert sum(points) == total["value"]
    whole = sum(
        figures["totals"]["impressions"]["value"] or 0 for figures in document["by"]["author"].values()
    )
    assert whole == document["totals"]["impressions"]["value"] > 0
    assert (tmp_path / "report" / "report.html").read_text().count("<svg") >= 17


def test_a_long_period_is_the_sum_of_its_pieces_and_of_its_days(tmp_path: Path) -> None:
    of = ids(60, 80)
    (tmp_path / "posts.jsonl").write_text(posts_with_authors(of))
    period = ("--endpoint", "historical", "--metrics", "favorites,impressions", "--format", "json")
    start, middle, end = (iso((time.time() - days * DAY) // 3600 * 3600) for days in (79, 40, 1))
    result = report("posts.jsonl", *period, "--start", start, "--end", end, "--group-by", "day")
    assert result.exit_code == 0, result.output
    whole = told(tmp_path)
    assert whole["posts"]["measured"] > 0
    for metric, total in whole["totals"].items():
        assert sum(point["value"] for point in whole["series"][metric]) == total["value"] > 0
    parts = []
    for first, last in ((start, middle), (middle, end)):
        assert report("posts.jsonl", *period, "--start", first, "--end", last).exit_code == 0
        parts.append(told(tmp_path))
    for metric, total in whole["totals"].items():
        assert sum(part["totals"][metric]["value"] for part in parts) == total["value"]


def test_posts_without_an_author_are_those_of_the_account_named(tmp_path: Path) -> None:
    of = ids(90, 10)
    (tmp_path / "ids.txt").write_text("".join(f"{post_id}\n" for post_id in of))
    account = ACCOUNTS.all[0]
    own = set(of[ACCOUNTS.authors(of) == account.account_id].tolist())
    result = report("ids.txt", "--metrics", "impressions,favorites", "--account", account.handle)
    assert result.exit_code == 0, result.output
    document = told(tmp_path)
    told_of = [
        int(post_id)
        for post_id, impressions in zip(
            document["counts"]["post_id"], document["counts"]["impressions"], strict=True
        )
        if impressions is not None
    ]
    assert set(told_of) <= own
    assert len(told_of) > len(own) / 2
    assert document["posts"]["measured"] + document["posts"]["unavailable"] == 90
    result = report("ids.txt", "--endpoint", "28hr", "--account", account.handle)
    assert result.exit_code == 0, result.output
    document = told(tmp_path)
    posts = document["posts"]
    assert posts["refused"] == 90 - posts["measured"] - posts["unavailable"] > 0


def test_a_period_in_which_nothing_is_counted_is_explained_as_it_is_asked_for(tmp_path: Path) -> None:
    of = [number << 22 for number in range(115_000_000_000, 115_000_000_007)]  # October 2013
    (tmp_path / "ids.txt").write_text("".join(f"{post_id}\n" for post_id in of))
    period = ("--endpoint", "historical", "--start", "2015-01-01", "--metrics", "favorites")
    early = ("ids.txt", *period, "--end", "2015-01-20", "--account", ACCOUNTS.all[0].handle)
    explained = report(*early, "--explain").stdout
    assert "in 1 piece of 4 weeks at most; 0 of them asked for" in explained
    assert "not asked for   7 Posts: favorites: the API does not count before 2015-09-15" in explained
    assert report(*early).exit_code == 0
    document = told(tmp_path)
    assert (document["posts"]["unsupported"], document["posts"]["measured"]) == (7, 0)
    assert document["accounts"] == []
    assert document["totals"]["favorites"] == {"value": None, "posts": 0}
    assert (tmp_path / "report" / "requests.jsonl").read_text().count("\n") == 1


def test_why_posts_are_unsupported_the_summary_and_the_page_say(tmp_path: Path) -> None:
    (tmp_path / "ids.txt").write_text("".join(f"{post_id}\n" for post_id in ids(5, 1)))
    result = report("ids.txt", "--endpoint", "28hr")
    reason = "28hr needs the token of the account that the Post belongs to"
    assert result.exit_code == 0
    assert f"5  {reason}" in result.stdout
    assert reason in (tmp_path / "report" / "report.html").read_text()
    assert told(tmp_path)["reasons"] == {"unsupported": {reason: 5}}
