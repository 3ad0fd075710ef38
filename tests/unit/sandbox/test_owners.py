"""Accounts, owners, and the truth about what only owners may ask for."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sandbox.__main__ import main
from sandbox.accounts import Accounts
from sandbox.catalogue import HISTORICAL, TOTALS
from sandbox.messages import Answer, Request
from sandbox.owners import accounts_as_json
from sandbox.settings import SandboxSettings
from tests.unit.sandbox.asking import NOON, Clock, app_at, error_of, get, post_created_at, some_posts
from tests.unit.sandbox.signing import ALICE, BOB, DEFAULTS, POSTS_OF_ALICE, POSTS_OF_BOB, ask_as_owner

POSTS = np.array(some_posts(3000), dtype=np.int64)
PINNED = (2500969986, [1975915990402255692, 1975980568435038096], [1975931781009246106, 1976106184294671643])
BY_TYPE = {"g": {"group_by": ["tweet.id", "engagement.type"]}}


def answered(path: str, query: str = "", method: str = "GET", **settings: Any) -> Answer:
    return app_at(Clock(), **settings).handle(Request(method, path, query))


def test_the_accounts_are_listed_with_all_that_a_client_needs() -> None:
    content = answered("/sandbox/accounts").content
    assert (content["consumer_key"], content["consumer_secret"]) == ("sandbox-key", "sandbox-secret")
    assert content["accounts"][0] == {
        "account_id": str(ALICE.account_id),
        "handle": "sandbox_1",
        "token": ALICE.token,
        "token_secret": ALICE.secret,
    }
    for key in ("account_id", "handle", "token", "token_secret"):
        assert len({account[key] for account in content["accounts"]}) == 3
    assert json.loads(accounts_as_json(DEFAULTS)) == content


def test_the_command_prints_them(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--print-accounts", "--accounts", "5", "--seed", "9"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told == json.loads(accounts_as_json(SandboxSettings(seed=9, accounts=5)))
    assert len(told["accounts"]) == 5


def test_an_account_does_not_show_its_secret() -> None:
    assert ALICE.secret not in repr(ALICE)


def test_other_seeds_have_other_accounts_and_more_accounts_leave_the_first_as_they_were() -> None:
    assert Accounts(1, 5, 0.5).all[:3] == Accounts(1, 3, 0.5).all
    tokens = {account.token for seed in range(50) for account in Accounts(seed, 3, 0.5).all}
    assert len(tokens) == 150


def test_the_owner_in_the_docs_is_the_one() -> None:
    page = Path("docs/sandbox.md").read_text(encoding="utf-8")
    (documented,) = re.findall(r'^\{"posts": \{"\d+": \{"author_id".*\}$', page, re.MULTILINE)
    (post_id,) = json.loads(documented)["posts"]
    assert answered("/sandbox/owner", f"ids={post_id}").content == json.loads(documented)


def test_these_owners_are_the_same_on_every_machine() -> None:
    assert (ALICE.account_id, POSTS_OF_ALICE[:2], POSTS_OF_BOB[:2]) == PINNED


def test_the_accounts_own_their_share_in_equal_parts() -> None:
    accounts = Accounts(1, 3, 0.6)
    authors = accounts.authors(POSTS).tolist()
    for account in accounts.all:
        assert authors.count(account.account_id) / len(authors) == pytest.approx(0.2, abs=0.03)
    strangers = [author for author in authors if author < 2_000_000_000]
    assert len(strangers) / len(authors) == pytest.approx(0.4, abs=0.04)
    assert min(strangers) > 0


def test_all_posts_or_none_can_be_owned() -> None:
    one = Accounts(1, 1, 1.0)
    assert set(one.authors(POSTS).tolist()) == {one.all[0].account_id}
    for none in (Accounts(1, 3, 0.0), Accounts(1, 0, 1.0)):
        assert max(none.authors(POSTS).tolist()) < 2_000_000_000


def test_the_owner_of_a_post_is_told() -> None:
    posts = [POSTS_OF_ALICE[0], POSTS_OF_BOB[0]]
    told = answered("/sandbox/owner", f"ids={posts[0]},{posts[1]}").content["posts"]
    assert told == {
        str(posts[0]): {"author_id": str(ALICE.account_id), "handle": "sandbox_1"},
        str(posts[1]): {"author_id": str(BOB.account_id), "handle": "sandbox_2"},
    }
    stranger = answered("/sandbox/owner", f"ids={posts[0]}", owned=0.0).content["posts"][str(posts[0])]
    assert stranger["handle"] is None


@pytest.mark.parametrize("query", ["", "ids=", "ids=x", "ids=0", "id=20", "ids=20&at=5"])
def test_owners_that_cannot_be_told_are_refused(query: str) -> None:
    answer = answered("/sandbox/owner", query)
    assert answer.status == 400
    assert answer.content["errors"]


def test_the_token_of_an_account_can_be_revoked_alone() -> None:
    app = app_at(Clock())
    assert app.handle(ask_as_owner("totals", POSTS_OF_ALICE[:1])).status == 200
    revoked = app.handle(Request("POST", "/sandbox/tokens/revoke", f"account={ALICE.account_id}"))
    assert (revoked.status, revoked.content) == (200, {"revoked": str(ALICE.account_id)})
    refused = app.handle(ask_as_owner("totals", POSTS_OF_ALICE[:1]))
    assert refused.status == 401
    assert error_of(refused) == (
        "Your account could not be authenticated. Reason: The token is unknown or was revoked"
    )
    assert app.handle(ask_as_owner("totals", POSTS_OF_BOB[:1], account=BOB)).status == 200
    assert app.handle(Request("POST", "/sandbox/tokens/revoke", "account=17")).status == 404
    assert app.handle(Request("POST", "/sandbox/tokens/revoke", "acount=17")).status == 400


def test_a_quota_is_of_the_app_whoever_asks() -> None:
    app = app_at(Clock(), requests_per_minute=2)
    assert app.handle(ask_as_owner("totals", POSTS_OF_ALICE[:1])).status == 200
    assert app.handle(ask_as_owner("28hr", POSTS_OF_BOB[:1], ["replies"], account=BOB)).status == 200
    assert app.handle(ask_as_owner("totals", POSTS_OF_ALICE[:1])).status == 429


def test_a_second_can_be_full_too_and_has_its_own_headers() -> None:
    clock = Clock()
    app = app_at(clock, requests_per_second=1)
    first, second = (app.handle(ask_as_owner("totals", POSTS_OF_ALICE[:1])) for _ in range(2))
    assert (first.status, second.status) == (200, 429)
    assert {name: value for name, value in first.headers if "second" in name} == {
        "x-per-second-limit": "1",
        "x-per-second-remaining": "0",
        "x-per-second-reset": str(NOON + 1),
    }
    assert dict(second.headers)["Retry-After"] == "1"
    assert dict(second.headers)["x-per-minute-remaining"] == "119"
    clock.now += 1
    assert app.handle(ask_as_owner("totals", POSTS_OF_ALICE[:1], at=clock.now)).status == 200


@pytest.mark.parametrize("endpoint", [TOTALS, HISTORICAL])
def test_the_truth_tells_all_metrics_of_an_endpoint_and_the_author(endpoint: Any) -> None:
    query = f"ids={POSTS_OF_ALICE[0]},{POSTS_OF_BOB[0]}&endpoint={endpoint.name}"
    posts = answered("/sandbox/truth", query).content["posts"]
    assert [posts[post]["author_id"] for post in posts] == [str(ALICE.account_id), str(BOB.account_id)]
    assert tuple(posts[str(POSTS_OF_ALICE[0])]["counts"]) == endpoint.metrics


@pytest.mark.parametrize(
    ("name", "more"),
    [("totals", {}), ("28hr", {}), ("historical", {"start": "2025-10-01", "end": "2025-10-09T11:30:00Z"})],
)
def test_each_endpoint_answers_the_truth(name: str, more: dict[str, Any]) -> None:
    app = app_at(Clock())
    endpoint = TOTALS if name == "totals" else HISTORICAL
    ids, metrics = POSTS_OF_ALICE[:25], list(endpoint.metrics)
    told = app.handle(ask_as_owner(name, ids, metrics, BY_TYPE, **more)).content
    query = "&".join(
        (f"ids={','.join(map(str, ids))}&endpoint={name}", *(f"{k}={v}" for k, v in more.items()))
    )
    truth = app.handle(get("/sandbox/truth", query)).content
    assert told["g"] == {
        post_id: {metric: str(count) for metric, count in of["counts"].items()}
        for post_id, of in truth["posts"].items()
        if of["available"]
    }
    assert {key: told.get(key) for key in ("start", "end")} == {
        key: truth.get(key) for key in ("start", "end")
    }


def test_the_truth_has_no_private_totals_of_old_posts() -> None:
    old = post_created_at(NOON - 91 * 86_400)
    counts = answered("/sandbox/truth", f"ids={old}&endpoint=totals").content["posts"][str(old)]["counts"]
    assert (counts["impressions"], counts["engagements"]) == (None, None)
    assert counts["favorites"] is not None


@pytest.mark.parametrize(
    "query",
    [
        "ids=20&endpoint=7days",
        "ids=20&start=2025-10-01",
        "ids=20&endpoint=28hr&end=2025-10-01",
        "ids=20&endpoint=historical&start=x",
        "ids=20&endpoint=historical&start=2025-08-01&end=2025-10-01",
        "ids=20&endpoint=historical&at=5&start=2025-08-01",
        "endpoint=totals",
    ],
)
def test_a_truth_of_no_endpoint_or_window_is_refused(query: str) -> None:
    answer = answered("/sandbox/truth", query)
    assert answer.status == 400
    assert answer.content["errors"]


@pytest.mark.parametrize("at", [0, 1, 253_402_297_200])
def test_the_truth_can_be_told_at_the_ends_of_time(at: int) -> None:
    for name in ("totals", "28hr"):
        assert answered("/sandbox/truth", f"ids=20&endpoint={name}&at={at}").status == 200
    assert answered("/sandbox/truth", f"ids=20&endpoint=historical&at={at}").status in (200, 400)
