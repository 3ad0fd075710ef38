"""``top-tweets report`` as a command, on the sandbox."""

from __future__ import annotations

import csv
import gzip
import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from typer.testing import CliRunner

from sandbox.server import SandboxSettings
from sandbox.world import METRICS
from tests.tools.api_servers import SpoiltApi, in_a_thread, sandbox_in_a_thread
from tests.unit.settings.environment import set_environment
from worker.cli import app
from worker.model import PUBLIC_METRICS, Timestamp, first_post_id

if TYPE_CHECKING:
    from collections.abc import Iterator

    from typer.testing import Result

    from sandbox.server import RunningSandbox

NOW = 1_760_011_200
OLDEST = first_post_id(Timestamp(NOW - 3 * 86_400))
IDS = [OLDEST + (number << 30) + number for number in range(600)]
ROOT = Path(__file__).parents[2]
TOKEN = "sandbox-token"


@pytest.fixture
def sandbox(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[RunningSandbox]:
    """A sandbox whose clock stands, a folder to work in, and the settings to ask it."""
    monkeypatch.chdir(tmp_path)
    settings = SandboxSettings(requests_per_minute=0, clock=lambda: NOW)
    with sandbox_in_a_thread(settings) as running:
        set_environment(monkeypatch, environment(running.url))
        yield running


def environment(url: str, requests_per_minute: int = 1_000_000) -> dict[str, str]:
    return {
        "TOPTWEETS_ENGAGEMENT__URL": url,
        "TOPTWEETS_ENGAGEMENT__BEARER_TOKEN": TOKEN,
        "TOPTWEETS_ENGAGEMENT__REQUESTS_PER_MINUTE": str(requests_per_minute),
    }


def report(*arguments: object, given: bytes | None = None) -> Result:
    result = CliRunner().invoke(app, ["report", *map(str, arguments)], input=given)
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result


def told(folder: Path) -> dict[str, Any]:
    document: dict[str, Any] = json.loads((folder / "report.json").read_text())
    return document


def test_every_count_is_the_world_s_and_every_id_is_accounted_for(
    sandbox: RunningSandbox, tmp_path: Path
) -> None:
    (tmp_path / "ids.txt").write_text(
        "tweet_ids\n" + "".join(f"{post_id}\n" for post_id in [*IDS, *IDS[:50]])
    )
    result = report("ids.txt", "--name", "Spring", "--out", "out", "--top", 5)
    assert result.exit_code == 0, result.output
    assert "650  IDs given, 50 of them again: 600 Posts" in result.stdout
    document = told(tmp_path / "out")
    ids = np.array(IDS, dtype=np.int64)
    gone = sandbox.world.unavailable(ids, NOW)
    assert 0 < gone.sum() < 600
    truth = sandbox.world.counts(ids[~gone], NOW)
    assert document["posts"]["measured"] == 600 - gone.sum()
    assert document["posts"]["unavailable"] == gone.sum()
    assert document["counts"]["post_id"] == list(map(str, ids[~gone]))
    for metric in PUBLIC_METRICS:
        column = truth[:, METRICS.index(metric)]
        assert document["counts"][metric] == column.tolist()
        assert document["totals"][metric] == {"value": column.sum(), "posts": len(column)}
        best = sorted(zip(-column, ids[~gone], strict=True))[:5]
        assert [place["post_id"] for place in document["top"][metric]] == [str(one) for _, one in best]
    with (tmp_path / "out" / "results.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == len(PUBLIC_METRICS) * 6
    assert (tmp_path / "out" / "report.html").read_text().count("<table>") == 2 + len(PUBLIC_METRICS)


def test_inputs_of_every_shape_are_read_together(sandbox: RunningSandbox, tmp_path: Path) -> None:
    del sandbox
    inbox = tmp_path / "inbox"
    (inbox / "more").mkdir(parents=True)
    (inbox / "a.csv").write_text(f"row,Tweet ID,Author\n1,{IDS[0]},\n2,{IDS[1]},anna\n")
    (inbox / "b.json").write_text(json.dumps({"results": [{"id_str": str(IDS[2])}], "next": "x"}))
    activity = {"id": f"tag:search.twitter.com,2005:{IDS[3]}", "actor": {"preferredUsername": "anna"}}
    tail = '{"info":{"message":"Replay Request Completed","activity_count":1}}'
    (inbox / "more" / "c.json.gz").write_bytes(gzip.compress(f"{json.dumps(activity)}\n\n{tail}\n".encode()))
    (inbox / ".hidden").write_text("nonsense")
    (inbox / "d.json").write_text(json.dumps({"statuses": [{"id": IDS[4], "user": {"screen_name": "Anna"}}]}))
    (inbox / "e.json").write_text(json.dumps([{"data": {"id": str(IDS[5])}}, str(IDS[0])]))
    result = report("inbox", "-", "--by", "author", "--out", "inbox/out", given=b"%d\n" % IDS[6])
    assert result.exit_code == 0, result.output
    document = told(inbox / "out")
    assert document["posts"]["given"] == 8
    assert document["posts"]["distinct"] == 7
    assert document["by"]["author"]["anna"]["posts"]["distinct"] == 3
    assert report("inbox", "--out", "inbox/out").exit_code == 0
    assert told(inbox / "out")["posts"]["distinct"] == 6


def test_lines_that_cannot_be_read_are_told_with_their_place(sandbox: RunningSandbox, tmp_path: Path) -> None:
    del sandbox
    (tmp_path / "ids.txt").write_text(f"{IDS[0]}\nTotal: 1\n{IDS[1]}\n")
    result = report("ids.txt")
    assert result.exit_code == 3
    assert "ids.txt line 2: " in result.stderr
    assert told(tmp_path / "report")["posts"]["measured"] >= 1
    assert told(tmp_path / "report")["lines"]["unreadable"] == 1


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (["nowhere.txt"], "no such file or folder: nowhere.txt"),
        (["ids.txt", "--endpoint", "total"], "--endpoint total"),
        (["ids.txt", "--metrics", "likes"], "--metrics likes"),
        (["ids.txt", "--group-by", "day"], "--group-by needs"),
        (["ids.txt", "--endpoint", "historical", "--start", "soon"], "'soon' is no date"),
        (["ids.txt", "--format", "pdf"], "--format pdf: it is one of csv, json, html"),
        (["ids.txt", "--format", ""], "--format '': it is one or more of csv, json, html"),
        (["ids.txt", "--by", "country"], "--by country: it is one of campaign, author"),
        (["ids.txt", "--metrics", "impressions", "--account", "ben"], "--account ben: no such account"),
        (["ids.txt", "--quota-share", "1.5"], "quota-share"),
        (["empty.txt"], "there is no Post ID in empty.txt"),
        (["unreadable.txt"], "there is no Post ID in unreadable.txt"),
        (["ids.txt", "--out", "ids.txt"], "--out ids.txt: the folder cannot be made: File exists"),
        (["ids.txt", "--top", "-1"], "--top -1"),
        ([], "Missing argument"),
    ],
)
def test_what_is_asked_wrongly_ends_with_2(
    sandbox: RunningSandbox, tmp_path: Path, arguments: list[str], why: str
) -> None:
    del sandbox
    (tmp_path / "ids.txt").write_text(f"{IDS[0]}\n")
    (tmp_path / "empty.txt").write_text("tweet_ids\n")
    (tmp_path / "unreadable.txt").write_text("one\ntwo\n")
    result = report(*arguments)
    assert result.exit_code == 2
    assert not (tmp_path / "report").exists()
    assert why in result.stderr


def test_settings_of_kafka_are_not_needed_but_a_token_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "ids.txt").write_text(f"{IDS[0]}\n")
    set_environment(monkeypatch, {})
    result = report("ids.txt")
    assert result.exit_code == 2
    assert "1 fault in the settings" in result.stderr
    assert "engagement.bearer_token" in result.stderr


def test_explain_asks_nothing_and_needs_no_token(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    old = first_post_id(Timestamp(time.time() - 1900 * 86_400))
    new = first_post_id(Timestamp(time.time() - 86_400))
    (tmp_path / "ids.txt").write_text("".join(f"{new + n}\n{old + n}\n" for n in range(600)))
    with in_a_thread(SpoiltApi(lambda _, __: b"").serving) as api:
        set_environment(
            monkeypatch,
            {"TOPTWEETS_ENGAGEMENT__URL": api.url, "TOPTWEETS_ENGAGEMENT__REQUESTS_PER_MINUTE": "8"},
        )
        result = report("ids.txt", "--explain", "--quota-share", "0.25")
        assert api.asked == []
    assert result.exit_code == 0, result.output
    assert "bearer token of the app: 6 requests" in result.stdout
    assert "about 3 min at 2 requests a minute" in result.stdout
    result = report("ids.txt", "--explain", "--quota-share", "0.03125")
    assert "about 24 min at 1 request in 240 s" in result.stdout
    result = report("ids.txt", "--explain", "--quota-share", "0.0001")
    assert result.exit_code == 2
    assert "--quota-share 0.0001: of 8 requests a minute it leaves less than 0.001" in result.stderr
    assert not (tmp_path / "report").exists()
    period = ("--endpoint", "historical", "--start", "70d", "--end", "1h")
    result = report("ids.txt", "--explain", *period, "--group-by", "day")
    assert "not asked for   1,200 Posts: historical needs the token" in result.stdout
    assert "in 3 pieces" in result.stdout


def test_a_token_is_fetched_with_the_consumer_key(
    sandbox: RunningSandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = environment(sandbox.url)
    del settings["TOPTWEETS_ENGAGEMENT__BEARER_TOKEN"]
    settings["TOPTWEETS_ENGAGEMENT__CONSUMER_KEY"] = sandbox.settings.consumer_key
    settings["TOPTWEETS_ENGAGEMENT__CONSUMER_SECRET"] = sandbox.settings.consumer_secret
    settings["TOPTWEETS_ENGAGEMENT__TOKEN_URL"] = f"{sandbox.url}/oauth2/token"
    set_environment(monkeypatch, settings)
    (tmp_path / "ids.txt").write_text("".join(f"{post_id}\n" for post_id in IDS))
    assert report("ids.txt").exit_code == 0
    assert told(tmp_path / "report")["posts"]["failed"] == 0


def test_answers_are_saved_as_they_came(sandbox: RunningSandbox, tmp_path: Path) -> None:
    del sandbox
    (tmp_path / "ids.txt").write_text("".join(f"{post_id}\n" for post_id in IDS))
    assert report("ids.txt", "--save-answers", "--format", "json").exit_code == 0
    files = sorted((tmp_path / "report" / "answers").iterdir())
    assert [path.name for path in files] == ["000001.json", "000002.json", "000003.json"]
    saved = [post_id for path in files for post_id in json.loads(path.read_text())["by_post"]]
    assert sorted(saved) == told(tmp_path / "report")["counts"]["post_id"]
    assert not list((tmp_path / "report").glob("*.csv"))


def test_the_daily_tally_goes_on(sandbox: RunningSandbox, tmp_path: Path) -> None:
    del sandbox
    (tmp_path / "ids.txt").write_text(f"{IDS[0]}\n{IDS[1]}\n")
    for _ in range(2):
        assert report("ids.txt", "--append").exit_code == 0
    lines = (tmp_path / "report" / "tally.csv").read_text().splitlines()
    assert len(lines) == 1 + len(PUBLIC_METRICS)


def test_no_places_are_totals_only(sandbox: RunningSandbox, tmp_path: Path) -> None:
    del sandbox
    (tmp_path / "ids.txt").write_text("".join(f"{post_id}\n" for post_id in IDS[:9]))
    result = report("ids.txt", "--top", 0)
    assert result.exit_code == 0
    assert "1 request: " in result.stderr
    assert set(map(len, told(tmp_path / "report")["top"].values())) == {0}
    with (tmp_path / "report" / "results.csv").open(newline="") as file:
        assert {row["part"] for row in csv.DictReader(file)} == {"total"}


def test_answers_of_before_are_said_to_be_gone(sandbox: RunningSandbox, tmp_path: Path) -> None:
    del sandbox
    (tmp_path / "ids.txt").write_text(f"{IDS[0]}\n")
    assert "cannot be had again" not in report("ids.txt", "--save-answers", "--out", "new").stderr
    assert report("ids.txt").exit_code == 0
    result = report("ids.txt", "--resume", "--save-answers")
    assert result.exit_code == 0
    assert "cannot be had again" in result.stderr
    assert not list((tmp_path / "report" / "answers").iterdir())


def test_a_report_of_another_job_is_not_resumed(sandbox: RunningSandbox, tmp_path: Path) -> None:
    del sandbox
    (tmp_path / "ids.txt").write_text(f"{IDS[0]}\n")
    assert report("ids.txt", "--resume").exit_code == 0
    result = report("ids.txt", "--resume", "--metrics", "favorites")
    assert result.exit_code == 2
    assert "is of another job (metrics favorites, retweets" in result.stderr


def test_ctrl_c_ends_it_soon_and_resume_asks_for_the_rest_only(tmp_path: Path) -> None:
    """At 240 requests a minute one leaves every quarter of a second; the fourth is answered by a signal."""
    (tmp_path / "ids.txt").write_text("".join(f"{OLDEST + number}\n" for number in range(5000)))
    command = [sys.executable, "-m", "worker", "report", "ids.txt", "--format", "json"]
    others = {name: value for name, value in os.environ.items() if not name.startswith("TOPTWEETS_")}
    children: list[subprocess.Popen[str]] = []

    def answer(number: int, _: dict[str, Any]) -> bytes | None:
        if number == 3:
            children[0].send_signal(signal.SIGINT)
        return None

    def run(url: str, per_minute: int, *more: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [*command, *more],
            cwd=tmp_path,
            env={**others, **environment(url, per_minute), "PYTHONPATH": os.pathsep.join(sys.path)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    with in_a_thread(SpoiltApi(answer).serving) as api:
        children.append(run(api.url, 240))
        _, complaints = children[0].communicate(timeout=20)
        assert children[0].returncode == 130, complaints
        assert "--resume" in complaints
        assert len(api.asked) < 20
        children.append(run(api.url, 1_000_000, "--resume"))
        _, complaints = children[1].communicate(timeout=20)
        assert children[1].returncode == 0, complaints
        asked = [one for request in api.asked for one in request["tweet_ids"]]
    assert len(asked) == len(set(asked)) == 5000
    assert told(tmp_path / "report")["posts"]["measured"] == 5000


@pytest.mark.parametrize("name", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_while_it_reads_ends_it_quietly(tmp_path: Path, name: signal.Signals) -> None:
    os.mkfifo(tmp_path / "ids.txt")
    others = {name: value for name, value in os.environ.items() if not name.startswith("TOPTWEETS_")}
    process = subprocess.Popen(
        [sys.executable, "-m", "worker", "report", str(tmp_path / "ids.txt")],
        cwd=tmp_path,
        env={**others, **environment("http://127.0.0.1:9"), "PYTHONPATH": os.pathsep.join(sys.path)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with (tmp_path / "ids.txt").open("w"):  # opens when the report does
        time.sleep(0.1)
        process.send_signal(name)
        told, complaints = process.communicate(timeout=20)
    assert (process.returncode, told, complaints) == (130, "", "")


@pytest.mark.parametrize("closed", ["stdout", "stderr"])
@pytest.mark.parametrize("option", [(), ("--explain",)], ids=["asked", "explained"])
def test_who_stops_reading_changes_nothing(
    sandbox: RunningSandbox, tmp_path: Path, closed: str, option: tuple[str, ...]
) -> None:
    (tmp_path / "ids.txt").write_text(f"{IDS[0]}\n")
    others = {name: value for name, value in os.environ.items() if not name.startswith("TOPTWEETS_")}
    reader, writer = os.pipe()
    os.close(reader)
    streams = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, closed: writer}
    done = subprocess.run(
        [sys.executable, "-m", "worker", "report", "ids.txt", *option],
        env={**others, **environment(sandbox.url), "PYTHONPATH": os.pathsep.join(sys.path)},
        text=True,
        timeout=30,
        check=False,
        **streams,  # type: ignore[call-overload]
    )
    os.close(writer)
    assert done.returncode == 0, done.stderr
    assert "rror" not in (done.stderr or "")
    assert (tmp_path / "report" / "report.html").exists() is not bool(option)


def test_no_client_of_kafka_is_loaded(sandbox: RunningSandbox, tmp_path: Path) -> None:
    del sandbox
    (tmp_path / "ids.txt").write_text(f"{IDS[0]}\n")
    code = (
        "import sys; from worker.cli import app; app(['report', 'ids.txt'], standalone_mode=False); "
        "print([name for name in sys.modules if name.partition('.')[0] in "
        "{'kafka', 'uvicorn', 'starlette', 'sandbox', 'rich.progress'}])"
    )
    inherited = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=inherited, timeout=30, check=True
    )
    assert done.stdout.splitlines()[-1] == "[]", done.stdout


def test_the_commands_of_the_page_run_on_the_sandbox(sandbox: RunningSandbox, tmp_path: Path) -> None:
    page = (ROOT / "docs" / "report.md").read_text(encoding="utf-8")
    (block,) = (one for one in re.findall(r"```sh\n(.*?)```", page, re.DOTALL) if "export" in one)
    assert "http://127.0.0.1:8090" in block
    script = 'set -e; top-tweets() { "$PYTHON" -m worker "$@"; }\n'
    script += block.replace("http://127.0.0.1:8090", sandbox.url)
    inherited = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path), "PYTHON": sys.executable}
    command = ["bash", "-c", script]
    done = subprocess.run(
        command, cwd=tmp_path, capture_output=True, text=True, env=inherited, timeout=60, check=True
    )
    assert "2  IDs given, 0 of them again: 2 Posts" in done.stdout
    document = json.loads((tmp_path / "spring" / "report.json").read_text())
    assert (document["name"], list(document["by"]["author"])) == ("Spring launch", ["anna"])
