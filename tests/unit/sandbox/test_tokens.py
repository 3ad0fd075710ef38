"""Application-only authentication."""

from __future__ import annotations

import base64

import pytest

from sandbox.messages import Answer, Request
from sandbox.settings import SandboxSettings
from sandbox.tokens import Tokens

GRANT = b"grant_type=client_credentials"


def basic(pair: str) -> str:
    return "Basic " + base64.b64encode(pair.encode()).decode()


def asked(authorization: str, body: bytes = GRANT, tokens: Tokens | None = None) -> Answer:
    request = Request("POST", "/oauth2/token", headers={"authorization": authorization}, body=body)
    return (tokens or Tokens(SandboxSettings())).issue(request)


def with_bearer(token: str) -> Request:
    return Request("POST", "/", headers={"authorization": token})


def test_key_and_secret_give_the_same_token_each_time() -> None:
    answer = asked(basic("sandbox-key:sandbox-secret"))
    assert (answer.status, answer.content) == (200, {"token_type": "bearer", "access_token": "sandbox-token"})
    assert asked(basic("sandbox-key:sandbox-secret")) == answer


def test_key_and_secret_may_be_percent_encoded() -> None:
    tokens = Tokens(SandboxSettings(consumer_key="a+b", consumer_secret="c/d%"))
    for pair in ("a%2Bb:c%2Fd%25", "a+b:c/d%"):
        assert asked(basic(pair), tokens=tokens).status == 200


@pytest.mark.parametrize(
    "authorization",
    [
        "",
        "Basic",
        "Basic ???",
        "Basic \xff",
        "Bearer sandbox-token",
        basic("sandbox-key:wrong"),
        basic("sandbox-key"),
        basic(":"),
    ],
)
def test_wrong_ones_are_refused(authorization: str) -> None:
    answer = asked(authorization)
    assert answer.status == 403
    assert answer.content["errors"][0]["code"] == 99


@pytest.mark.parametrize(
    "body", [b"", b"grant_type=password", b"\xff\x00", b'{"grant_type": "client_credentials"}']
)
def test_another_grant_is_refused(body: bytes) -> None:
    answer = asked(basic("sandbox-key:sandbox-secret"), body)
    assert answer.status == 400
    assert answer.content["errors"][0]["code"] == 170


@pytest.mark.parametrize(
    ("authorization", "holds"),
    [
        ("Bearer sandbox-token", True),
        ("bearer  sandbox-token", True),
        ("", False),
        ("Bearer", False),
        ("Bearer sandbox-token-1", False),
        ("Bearer sandbox-toke\xff", False),
        ("Basic sandbox-token", False),
    ],
)
def test_only_the_bearer_token_holds(authorization: str, holds: bool) -> None:
    assert Tokens(SandboxSettings()).holds(with_bearer(authorization)) is holds


def test_a_revoked_token_does_not_hold_and_the_next_does() -> None:
    tokens = Tokens(SandboxSettings())
    tokens.revoke()
    assert not tokens.holds(with_bearer("Bearer sandbox-token"))
    fetched = asked(basic("sandbox-key:sandbox-secret"), tokens=tokens).content["access_token"]
    assert fetched == "sandbox-token-1"
    assert tokens.holds(with_bearer(f"Bearer {fetched}"))
