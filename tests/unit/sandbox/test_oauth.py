"""OAuth 1.0a: what is signed right is let in once, and whatever else is sent is refused with its reason."""

from __future__ import annotations

import base64
import hashlib
import re
from dataclasses import replace
from typing import Any

import pytest

from sandbox.messages import Request
from sandbox.oauth import (
    TIMESTAMP_WINDOW,
    NotAuthenticatedError,
    OAuth,
    base_string,
    read_authorization,
    signature,
)
from tests.unit.sandbox.asking import NOON, ask_for
from tests.unit.sandbox.signing import ACCOUNTS, ALICE, BOB, DEFAULTS, HOST, signed

ASKED = ask_for([20])


def verifier() -> OAuth:
    return OAuth(DEFAULTS.consumer_key, DEFAULTS.consumer_secret, ACCOUNTS.all)


def reason(request: Request, now: float = NOON, oauth: OAuth | None = None) -> str:
    with pytest.raises(NotAuthenticatedError) as refused:
        (oauth or verifier()).verify(request, now)
    return str(refused.value)


def with_parameter(request: Request, name: str, value: str | None) -> Request:
    """The request with one parameter of its header changed, or left out; signed as it was."""
    pieces = request.header("authorization").removeprefix("OAuth ").split(", ")
    kept = [piece for piece in pieces if not piece.startswith(f"{name}=")]
    added = [] if value is None else [f'{name}="{value}"']
    return replace(request, headers={**request.headers, "authorization": "OAuth " + ", ".join(kept + added)})


def test_the_example_of_the_rfc_has_the_signature_that_it_should() -> None:
    # RFC 5849, 1.2: the request for the photo.
    header = (
        'OAuth realm="Photos", oauth_consumer_key="dpf43f3p2l4k3l03", oauth_token="nnch734d00sl2jdk",'
        ' oauth_signature_method="HMAC-SHA1", oauth_timestamp="137131202", oauth_nonce="chapoH",'
        ' oauth_signature="MdpQcU8iPSUjWoN%2FUDMsK2sui9I%3D"'
    )
    given = read_authorization(header)
    request = Request("GET", "/photos", "file=vacation.jpg&size=original", {"host": "Photos.example.net:80"})
    base = base_string(request, given)
    assert signature(base, "kd94hf93k423kf44", "pfkkdhi9sl3r4s00") == given["oauth_signature"]


def test_parameters_are_sorted_and_encoded_as_in_the_rfc() -> None:
    # RFC 5849, 3.4.1.3.2, with its form in the body.
    request = Request(
        "POST",
        "/request",
        "b5=%3D%253D&a3=a&c%40=&a2=r%20b",
        {"host": "example.com", "content-type": "application/x-www-form-urlencoded; charset=utf-8"},
        b"c2&a3=2+q",
    )
    given = {
        "oauth_consumer_key": "9djdj82h48djs9d2",
        "oauth_token": "kkk9d7dh3k39sjv7",
        "oauth_signature_method": "HMAC-SHA1",
        "oauth_timestamp": "137131201",
        "oauth_nonce": "7d8f3e4a",
        "oauth_signature": "left out",
    }
    assert base_string(request, given) == (
        b"POST&http%3A%2F%2Fexample.com%2Frequest&a2%3Dr%2520b%26a3%3D2%2520q%26a3%3Da%26b5%3D%253D%25253D"
        b"%26c%2540%3D%26c2%3D%26oauth_consumer_key%3D9djdj82h48djs9d2%26oauth_nonce%3D7d8f3e4a"
        b"%26oauth_signature_method%3DHMAC-SHA1%26oauth_timestamp%3D137131201%26oauth_token%3Dkkk9d7dh3k39sjv7"
    )


@pytest.mark.parametrize("query", ["", "a=1", "b=2&a=x%20y&a=1", "%C3%A9=%E2%82%AC+1&empty="])
@pytest.mark.parametrize("account", [ALICE, BOB])
def test_what_another_library_signs_is_let_in(query: str, account: object) -> None:
    assert isinstance(account, type(ALICE))
    request = signed(replace(ASKED, query=query), account)
    assert "oauth_body_hash" in request.header("authorization")
    assert verifier().verify(request, NOON) == account


def test_a_body_hash_is_not_needed() -> None:
    bare = signed(replace(ASKED, body=b""))
    assert "oauth_body_hash" not in bare.header("authorization")
    assert verifier().verify(replace(bare, body=ASKED.body), NOON) == ALICE


def test_a_body_that_was_changed_does_not_fit_its_hash() -> None:
    request = signed(ASKED)
    assert reason(replace(request, body=ASKED.body + b" ")) == "oauth_body_hash does not fit the body"
    other = base64.b64encode(hashlib.sha1(b"", usedforsecurity=False).digest()).decode()
    assert (
        reason(with_parameter(request, "oauth_body_hash", other)) == "oauth_body_hash does not fit the body"
    )


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("oauth_version", None),
        ("oauth_nonce", "another"),
        ("oauth_timestamp", str(NOON + 1)),
        ("oauth_token", BOB.token),
        ("oauth_signature", "AAAA"),
        ("oauth_signature", "%C3%A9"),
        ("oauth_extra", "1"),
    ],
)
def test_a_parameter_that_is_changed_after_signing_makes_the_signature_wrong(
    name: str, value: str | None
) -> None:
    assert reason(with_parameter(signed(ASKED), name, value)) == "The signature is wrong"


def test_a_request_that_is_changed_after_signing_has_a_wrong_signature() -> None:
    request = signed(ASKED)
    for changed in (
        replace(request, method="GET"),
        replace(request, path="/insights/engagement/28hr"),
        replace(request, query="a=1"),
        replace(request, headers={**request.headers, "host": "127.0.0.1:8081"}),
    ):
        assert reason(changed) == "The signature is wrong"


@pytest.mark.parametrize("secrets", [{"client_secret": "wrong"}, {"resource_owner_secret": "wrong"}])
def test_a_wrong_secret_is_a_wrong_signature(secrets: dict[str, Any]) -> None:
    assert reason(signed(ASKED, **secrets)) == "The signature is wrong"


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"client_key": "other"}, "The consumer key is unknown"),
        ({"resource_owner_key": "other"}, "The token is unknown or was revoked"),
        ({"signature_method": "PLAINTEXT"}, "oauth_signature_method must be HMAC-SHA1"),
        ({"signature_method": "HMAC-SHA256"}, "oauth_signature_method must be HMAC-SHA1"),
        ({"nonce": "n" * 257}, "oauth_nonce is longer than 256 characters"),
        ({"timestamp": "today"}, "oauth_timestamp must be in whole seconds since 1970"),
        ({"timestamp": "1" * 13}, "oauth_timestamp must be in whole seconds since 1970"),
    ],
)
def test_each_thing_that_is_unknown_or_malformed_is_named(options: dict[str, Any], why: str) -> None:
    assert reason(signed(ASKED, **options)) == why


@pytest.mark.parametrize(
    "name", ["oauth_consumer_key", "oauth_token", "oauth_signature", "oauth_timestamp", "oauth_nonce"]
)
def test_what_is_missing_is_named(name: str) -> None:
    assert reason(with_parameter(signed(ASKED), name, None)) == f"{name} missing"
    assert reason(with_parameter(signed(ASKED), name, "")) == f"{name} missing"


def test_another_version_is_refused() -> None:
    assert reason(with_parameter(signed(ASKED), "oauth_version", "2.0")) == "oauth_version must be 1.0"


@pytest.mark.parametrize(
    ("header", "why"),
    [
        ("OAuth nonsense", "The OAuth parameters are malformed"),
        ('OAuth a="1" b="2"', "The OAuth parameters are malformed"),
        ("OAuth", "The OAuth parameters are malformed"),
        ('OAuth a="1", a="1"', "a was passed more than once"),
        ("Bearer x", "Neither a bearer token nor OAuth parameters were passed"),
    ],
)
def test_a_header_that_cannot_be_read_is_refused(header: str, why: str) -> None:
    assert reason(replace(ASKED, headers={"authorization": header})) == why


@pytest.mark.parametrize("off", [-TIMESTAMP_WINDOW, 0, TIMESTAMP_WINDOW])
def test_a_timestamp_may_be_five_minutes_off(off: int) -> None:
    assert verifier().verify(signed(ASKED, at=NOON + off), NOON) == ALICE
    if off:
        beyond = signed(ASKED, at=NOON + off + (1 if off > 0 else -1))
        assert reason(beyond) == "The timestamp is out of bounds"


def test_a_nonce_is_taken_once() -> None:
    oauth = verifier()
    request = signed(ASKED, nonce="once")
    assert oauth.verify(request, NOON) == ALICE
    assert reason(request, NOON + 299, oauth) == "The nonce was used before"
    assert oauth.verify(signed(ASKED, BOB, nonce="once"), NOON) == BOB
    assert oauth.verify(signed(ASKED, nonce="once", at=NOON + 1), NOON) == ALICE


def test_a_nonce_is_remembered_as_long_as_its_timestamp_holds_and_no_longer() -> None:
    oauth = verifier()
    ahead = signed(ASKED, nonce="ahead", at=NOON + 300)
    oauth.verify(ahead, NOON)
    assert reason(ahead, NOON + 600, oauth) == "The nonce was used before"
    for second in range(0, 6000, 10):
        oauth.verify(signed(ASKED, at=NOON + 700 + second), NOON + 700 + second)
    assert len(oauth._seen) <= 62  # noqa: SLF001 - memory is what this promises


def test_a_request_that_is_signed_wrong_uses_no_nonce_up() -> None:
    oauth = verifier()
    reason(signed(ASKED, nonce="mine", client_secret="guessed"), NOON, oauth)
    assert oauth.verify(signed(ASKED, nonce="mine"), NOON) == ALICE


def test_a_revoked_token_is_refused_and_the_others_hold() -> None:
    oauth = verifier()
    assert oauth.revoke(str(ALICE.account_id))
    assert not oauth.revoke(str(ALICE.account_id))
    assert reason(signed(ASKED), oauth=oauth) == "The token is unknown or was revoked"
    assert oauth.verify(signed(ASKED, BOB), NOON) == BOB


def test_the_port_of_http_is_not_signed() -> None:
    request = signed(ASKED)
    for host, right in (("LOCALHOST:80", "localhost"), ("localhost:8080", "localhost:8080")):
        base = base_string(replace(request, headers={"host": host}), {})
        assert re.match(f"POST&http%3A%2F%2F{right.replace(':', '%3A')}%2F".encode(), base)
    assert HOST in request.header("host")
