"""The fault table of the report: 1,000 IDs in 4 requests; none is lost, none counts twice."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from typer.testing import CliRunner

from tests.tools.api_servers import SpoiltApi, counts, http, in_a_thread
from tests.unit.settings.environment import set_environment
from worker.cli import app
from worker.model import PUBLIC_METRICS

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from typer.testing import Result

FIRST = 2**53 + 1_500_000_000_000_000_001
IDS = [FIRST + 3 * number for number in range(1000)]
ODD = IDS[7]
HTML = b"<html><body>502 Bad Gateway</body></html>"
TOO_MANY = {"errors": ["Too Many Requests"]}
UNAVAILABLE = [str(post_id) for post_id in IDS[:5]]


def once(answer: bytes) -> Callable[[int, dict[str, Any]], bytes | None]:
    return lambda number, _: answer if number == 0 else None


def beside(**more: object) -> Callable[[int, dict[str, Any]], bytes | None]:
    """Data of the first request's Posts but the first five, and more beside it."""

    def answer(number: int, asked: dict[str, Any]) -> bytes | None:
        told = [one for one in asked["tweet_ids"] if one not in UNAVAILABLE]
        body = {"by_post": counts(told, asked["engagement_types"]), **more}
        return http(200, body) if number == 0 else None

    return answer


def zeros(key: str, metric: str) -> Callable[[int, dict[str, Any]], bytes | None]:
    """The first five are named as unsupported, and read 0 there, as the API has it."""

    def answer(number: int, asked: dict[str, Any]) -> bytes | None:
        told = counts(asked["tweet_ids"], asked["engagement_types"])
        for one in UNAVAILABLE:
            told.get(one, {})[metric] = "0"
        return http(200, {"by_post": told, key: UNAVAILABLE}) if number == 0 else None

    return answer


def forbidden(text: str, status: int) -> Callable[[int, dict[str, Any]], bytes | None]:
    def answer(_: int, asked: dict[str, Any]) -> bytes | None:
        refused = [one for one in asked["tweet_ids"] if one in UNAVAILABLE]
        return http(status, {"errors": [text + ", ".join(refused)]}) if refused else None

    return answer


def broken(_: int, asked: dict[str, Any]) -> bytes | None:
    return http(500, {"errors": ["internal server error"]}) if str(ODD) in asked["tweet_ids"] else None


def as_integers(number: int, asked: dict[str, Any]) -> bytes | None:
    refused = [int(one) for one in asked["tweet_ids"] if one in UNAVAILABLE]
    told = counts(asked["tweet_ids"][5:], asked["engagement_types"])
    return http(200, {"by_post": told, "unavailable_tweet_ids": refused}) if number == 0 else None


def numbers(_: int, asked: dict[str, Any]) -> bytes | None:
    told = counts(asked["tweet_ids"], asked["engagement_types"])
    return http(200, {"by_post": {one: {m: int(n) for m, n in c.items()} for one, c in told.items()}})


def plain(_: int, asked: dict[str, Any]) -> bytes | None:
    return http(200, {"by_post": counts(asked["tweet_ids"], asked["engagement_types"])}, packed=False)


GONE = {"unavailable_tweet_ids": UNAVAILABLE}
NAMED = "Forbidden to access tweets: "
BY_AUTHOR = "Forbidden to access tweets for author id 77: "

FAULTS: dict[str, tuple[Callable[[int, dict[str, Any]], bytes | None], dict[str, int], int]] = {
    "429 gzip": (once(http(429, TOO_MANY)), {}, 0),
    "429 plain": (once(http(429, TOO_MANY, packed=False)), {}, 0),
    "429 HTML": (once(http(429, HTML, "Content-Type: text/html")), {}, 0),
    "429 objects": (once(http(429, {"errors": [{"message": "rate limit"}]})), {}, 0),
    "200 that means 429": (once(http(200, {"errors": "Too Many Requests"})), {}, 0),
    "500 gzip": (once(http(500, {"errors": ["internal server error"]})), {}, 0),
    "500 HTML": (once(http(500, HTML, packed=False)), {}, 0),
    "503 gzip": (once(http(503, {"errors": ["Service Unavailable"]})), {}, 0),
    "503 HTML": (once(http(503, HTML, packed=False)), {}, 0),
    "cut connection": (once(b""), {}, 0),
    "cut body": (once(http(200, {"by_post": {}}, length=50)), {}, 0),
    "cut gzip": (once(http(200, {"by_post": {}})[:-9] + b"\0" * 9), {}, 0),
    "never gzip": (plain, {}, 0),
    "says gzip and is not": (once(http(200, {"by_post": {}}, "Content-Encoding: gzip", packed=False)), {}, 0),
    "errors as a string": (once(http(200, {"errors": "something went wrong"})), {}, 0),
    "not JSON": (once(http(200, b"OK")), {}, 0),
    "half of the JSON": (once(http(200, b'{"by_post": {"1')), {}, 0),
    "unavailable": (beside(**GONE, errors=["5 Tweet ID(s) are unavailable"]), {"unavailable": 5}, 0),
    "unavailable without errors": (beside(**GONE), {"unavailable": 5}, 0),
    "unavailable as integers": (as_integers, {"unavailable": 5}, 0),
    "older than 90 days": (zeros("unsupported_for_impressions_engagements_tweet_ids", "x"), {}, 0),
    "older than 1800 days": (zeros("unsupported_for_video_views_tweet_ids", "video_views"), {}, 0),
    "forbidden": (forbidden(NAMED, 403), {"refused": 5}, 0),
    "forbidden by author": (forbidden(BY_AUTHOR, 403), {"refused": 5}, 0),
    "forbidden with 200": (forbidden(NAMED, 200), {"refused": 5}, 0),
    "numbers": (numbers, {}, 0),
    "a Post that breaks every request": (broken, {"failed": 1}, 3),
    "Posts of which it says nothing": (beside(), {}, 0),
}


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "ids.txt").write_text("".join(f"{post_id}\n" for post_id in [*IDS, *IDS[::2]]))


def reported(api: SpoiltApi, monkeypatch: pytest.MonkeyPatch, *options: str) -> tuple[int, dict[str, Any]]:
    """The exit code and the report."""
    result, told = reported_from(api.url, monkeypatch, *options)
    return result.exit_code, told


def reported_from(url: str, monkeypatch: pytest.MonkeyPatch, *options: str) -> tuple[Result, dict[str, Any]]:
    """What the command said, and the report."""
    settings = {
        "TOPTWEETS_ENGAGEMENT__URL": url,
        "TOPTWEETS_ENGAGEMENT__BEARER_TOKEN": "token",
        "TOPTWEETS_ENGAGEMENT__REQUESTS_PER_MINUTE": "1000000",
        "TOPTWEETS_ENGAGEMENT__RETRY_WAIT": "1ms",
        "TOPTWEETS_ENGAGEMENT__RETRY_WAIT_MAX": "1ms",
        "TOPTWEETS_ENGAGEMENT__TIMEOUT": "5s",
    }
    set_environment(monkeypatch, settings)
    result = CliRunner().invoke(app, ["report", "ids.txt", "--out", "out", *options])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.output
    with open("out/report.json", encoding="utf-8") as file:  # noqa: PTH123 -- a path below the current folder
        told: dict[str, Any] = json.load(file)
    return result, told


@pytest.mark.parametrize("fault", FAULTS)
def test_no_id_is_lost_or_counted_twice(fault: str, monkeypatch: pytest.MonkeyPatch) -> None:
    answer, expected, code = FAULTS[fault]
    with in_a_thread(SpoiltApi(answer).serving) as api:
        exit_code, told = reported(api, monkeypatch)
    posts = told["posts"]
    assert {name: posts[name] for name in ("given", "distinct")} == {"given": 1500, "distinct": 1000}
    lost = sum(expected.values())
    assert posts["measured"] == 1000 - lost
    assert {name: posts[name] for name in expected} == expected
    named = [post["post_id"] for listed in told["outcomes"].values() for post in listed]
    measured = told["counts"]["post_id"]
    assert sorted([*named, *measured]) == sorted(map(str, IDS))
    for metric in PUBLIC_METRICS:
        truth = counts(measured, [metric])
        said = dict(zip(measured, told["counts"][metric], strict=True))
        assert told["totals"][metric]["value"] == sum(count for count in said.values() if count is not None)
        for post_id, count in said.items():
            assert count in (None, int(truth[post_id][metric]))
        lacking = [post_id for post_id, count in said.items() if count is None]
        assert lacking == (UNAVAILABLE if (fault, metric) == ("older than 1800 days", "video_views") else [])
    assert exit_code == code


def test_a_refused_token_fails_all_and_asks_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    refused = http(401, {"errors": ["Your account could not be authenticated. Reason: token"]})
    with in_a_thread(SpoiltApi(lambda _, __: refused).serving) as api:
        exit_code, told = reported(api, monkeypatch)
        assert len(api.asked) <= 4
    assert (exit_code, told["posts"]["failed"]) == (3, 1000)
    assert "engagement.bearer_token" in told["outcomes"]["failed"][0]["reason"]


def test_what_stopped_it_is_said_once_and_is_to_be_mended_first(monkeypatch: pytest.MonkeyPatch) -> None:
    refused = http(401, {"errors": ["Your account could not be authenticated. Reason: token"]})
    with in_a_thread(SpoiltApi(lambda _, __: refused).serving) as api:
        result, told = reported_from(api.url, monkeypatch)
    reason = "the API refused the token (401)"
    assert (result.stdout + result.stderr).count(reason) == 1
    assert "1,000  " + reason in result.stdout
    assert "try_again" not in result.stderr
    assert "mend that first; then the same command with --resume" in result.stderr
    assert [one.startswith(reason) for one in told["stopped"]] == [True]


def test_an_api_that_is_not_there_is_the_reason_told(monkeypatch: pytest.MonkeyPatch) -> None:
    with in_a_thread(SpoiltApi(lambda _, __: None).serving) as api:
        nowhere = api.url
    result, told = reported_from(nowhere, monkeypatch)
    assert "1,000  connection: ConnectionRefusedError" in result.stdout
    assert "ConnectionRefusedError" in told["outcomes"]["failed"][0]["reason"]
    assert list(told["reasons"]["failed"].values()) == [1000]
    assert "report: the same command with --resume" in result.stderr
    assert told["stopped"] == []


def test_after_an_outage_resume_asks_for_the_rest_only(monkeypatch: pytest.MonkeyPatch) -> None:
    down = http(503, HTML, packed=False)
    good = {"left": 2}

    def answer(*_: object) -> bytes | None:
        good["left"] -= 1
        return None if good["left"] >= 0 else down

    with in_a_thread(SpoiltApi(answer).serving) as api:
        exit_code, told = reported(api, monkeypatch)
        assert (exit_code, told["posts"]["measured"], told["posts"]["failed"]) == (3, 500, 500)
        before, good["left"] = len(api.asked), 1_000
        exit_code, told = reported(api, monkeypatch, "--resume")
        assert (exit_code, told["posts"]["measured"]) == (0, 1000)
        again = [one for asked in api.asked[before:] for one in asked["tweet_ids"]]
        assert len(again) == len(set(again)) == 500
