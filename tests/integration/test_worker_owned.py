"""A worker with accounts: owned Posts on boards of private metrics, equal to the sandbox's truth."""

from __future__ import annotations

import json
import time
import uuid
from contextlib import closing
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

import pytest

from tests.tools.kafka_records import Writer, read_all
from tests.tools.live_worker import Running, await_that, quick_settings, running_sandbox, running_worker
from worker.model import Timestamp, first_post_id

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.tools.brokers import Broker

POSTS: Final = 120
FLOOR: Final = 5
METRICS: Final = (
    "favorites,impressions,engagement_rate,impressions_per_hour,url_clicks_28h,engagement_rate_28h"
)


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    options = ("--accounts=2", "--owned=0.7", "--growth-minutes=5")
    with running_sandbox(tmp_path_factory.mktemp("sandbox"), *options) as running:
        yield running


@pytest.fixture
def accounts(sandbox: Running, tmp_path: Path) -> tuple[Path, list[dict[str, str]]]:
    """The accounts' file, and what the sandbox says of the accounts."""
    listed = sandbox.get("/sandbox/accounts").json()["accounts"]
    lines = []
    for one in listed:
        for secret in ("token", "token_secret"):
            (tmp_path / f"{one['handle']}_{secret}").write_text(one[secret])
        lines += [
            "[[accounts]]",
            f'handle = "{one["handle"]}"',
            f'id = "{one["account_id"]}"',
            f'token_file = "{tmp_path}/{one["handle"]}_token"',
            f'token_secret_file = "{tmp_path}/{one["handle"]}_token_secret"',
        ]
    file = tmp_path / "accounts.toml"
    file.write_text("\n".join(lines))
    return file, listed


def _owners(sandbox: Running, post_ids: list[int]) -> dict[int, dict[str, Any]]:
    listed = sandbox.get("/sandbox/owner?ids=" + ",".join(map(str, post_ids))).json()["posts"]
    return {int(post_id): owner for post_id, owner in listed.items()}


def _record(number: int, post_id: int, owner: dict[str, Any]) -> bytes:
    """Every other Post comes with its author's handle, as v1.1 has it; the others with the number, as v2."""
    if number % 2 or owner["handle"] is None:
        return json.dumps({"data": {"id": str(post_id), "author_id": owner["author_id"]}}).encode()
    return json.dumps({"id_str": str(post_id), "user": {"screen_name": owner["handle"].upper()}}).encode()


def _truth(sandbox: Running, post_id: int, at: float, endpoint: str) -> dict[str, Any]:
    told = sandbox.get(f"/sandbox/truth?ids={post_id}&at={int(at)}&endpoint={endpoint}").json()
    counts: dict[str, Any] = told["posts"][str(post_id)]["counts"]
    return counts


def _seconds(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


def test_owned_posts_are_on_the_boards_of_private_metrics_with_the_truth(
    broker: Broker, sandbox: Running, accounts: tuple[Path, list[dict[str, str]]], tmp_path: Path
) -> None:
    file, listed = accounts
    group, topic = f"group-{uuid.uuid4().hex[:8]}", broker.create_topic()
    settings = quick_settings(
        broker,
        group,
        engagement__accounts_file=str(file),
        engagement__consumer_key="sandbox-key",
        engagement__consumer_secret="sandbox-secret",
        engagement__handles_per_month="2",
        boards__metrics=METRICS,
        boards__rate_min_impressions=str(FLOOR),
        boards__top="100",
    )
    first = first_post_id(Timestamp(time.time() - 7200))
    post_ids = [first + number * 4_194_304 * 997 for number in range(POSTS)]
    owners = _owners(sandbox, post_ids)
    owned = {post_id for post_id, owner in owners.items() if owner["handle"] is not None}
    with running_worker(tmp_path, broker.bootstrap, topic, sandbox.address, settings) as worker:
        with closing(Writer(broker.bootstrap)) as writer:
            writer.send(topic, [_record(n, post_id, owners[post_id]) for n, post_id in enumerate(post_ids)])

        def posts() -> dict[int, dict[str, Any]]:
            answers = {post_id: worker.get(f"/api/posts/{post_id}") for post_id in post_ids}
            return {post_id: answer.json() for post_id, answer in answers.items() if answer.is_success}

        def settled() -> bool:
            known = posts()
            return len(known) == POSTS and all(
                post["state"] == "unavailable"
                or (
                    post["state"] == "measured"
                    and (post_id not in owned or post["counts"]["url_clicks_28h"] is not None)
                )
                for post_id, post in known.items()
            )

        await_that(settled, "every Post is measured, owned ones by both endpoints")
        known = posts()
        measured = {post_id for post_id, post in known.items() if post["state"] == "measured"}
        assert measured & owned
        assert measured - owned
        for post_id in measured - owned:
            counts = known[post_id]["counts"]
            assert counts["favorites"] is not None
            assert counts["impressions"] is counts["url_clicks_28h"] is None
        _check_board(worker, sandbox, "impressions", measured & owned, "totals")
        _check_board(worker, sandbox, "url_clicks_28h", measured & owned, "28hr")
        _check_rates(worker, sandbox, measured & owned)
        handles = worker.get("/api/handles").json()
        assert handles["used"] == handles["limit"] == 2
        assert handles["warning"] is True
        assert handles["handles"] == sorted(one["handle"] for one in listed)
        assert worker.metric("toptweets_handles_used") == 2
        assert worker.metric("toptweets_requests_total", endpoint="28hr", status="200") > 0
        assert worker.metric("toptweets_ids_answered_total", outcome="forbidden") == 0
        keys = {
            record.key.decode().partition("/")[2] for record in read_all(broker.bootstrap, f"{group}.handles")
        }
        assert keys == {one["handle"] for one in listed}
        assert not any(one["token_secret"] in worker.log.read_text() for one in listed)
        assert worker.stop(within=10) == 0


def _entries(worker: Running, metric: str) -> list[dict[str, Any]]:
    entries: list[dict[str, Any]] = worker.get(f"/api/leaderboards/all/{metric}").json()["entries"]
    return entries


def _check_board(worker: Running, sandbox: Running, metric: str, owned: set[int], endpoint: str) -> None:
    entries = _entries(worker, metric)
    assert {int(entry["post_id"]) for entry in entries} == owned
    for entry in entries:
        at = _seconds(entry["measured_at"])
        truth = _truth(sandbox, int(entry["post_id"]), at, endpoint)
        assert entry["value"] == truth[metric.removesuffix("_28h")]


def _check_rates(worker: Running, sandbox: Running, owned: set[int]) -> None:
    for metric, endpoint in (("engagement_rate", "totals"), ("engagement_rate_28h", "28hr")):
        entries = _entries(worker, metric)
        for entry in entries:
            truth = _truth(sandbox, int(entry["post_id"]), _seconds(entry["measured_at"]), endpoint)
            assert truth["impressions"] >= FLOOR
            assert entry["value"] == pytest.approx(truth["engagements"] / truth["impressions"], abs=1e-6)
        assert {int(entry["post_id"]) for entry in entries} <= owned
        assert entries
