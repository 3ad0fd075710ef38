"""Bearer tokens: fetched once for all who wait, again when refused, and never shown."""

from __future__ import annotations

import asyncio
import base64

import pytest

from tests.unit.engagement.fakes import FakeApi, Sent, gives_up, reply, run_virtual
from worker.engagement import AppOnlyAuth, FixedToken, Reply, StoppedError, TransientError

URL = "http://api.example/oauth2/token"
SECRET = "canary-secret"


def given(token: object, **more: object) -> Reply:
    return reply(200, {"access_token": token, "token_type": "bearer", **more})


def auth(api: FakeApi) -> AppOnlyAuth:
    return AppOnlyAuth(URL, "key", SECRET, api)


def test_a_token_is_fetched_with_basic_authentication() -> None:
    async def fetched() -> tuple[str, Sent]:
        api = FakeApi([given("first")])
        return await auth(api).token(), api.sent[0]

    token, sent = run_virtual(fetched())
    assert token == "first"
    assert sent.url == URL
    assert sent.body == b"grant_type=client_credentials"
    assert sent.headers["Content-Type"].startswith("application/x-www-form-urlencoded")
    scheme, _, encoded = sent.headers["Authorization"].partition(" ")
    assert scheme == "Basic"
    assert base64.b64decode(encoded) == b"key:" + SECRET.encode()


def test_a_token_is_kept() -> None:
    async def twice() -> int:
        api = FakeApi([given("first"), given("second")])
        credentials = auth(api)
        assert await credentials.token() == await credentials.token() == "first"
        return len(api.sent)

    assert run_virtual(twice()) == 1


def test_all_who_wait_for_a_token_get_one_fetch() -> None:
    async def together() -> tuple[list[str], int]:
        api = FakeApi([given("first"), given("second")])
        credentials = auth(api)
        return await asyncio.gather(*(credentials.token() for _ in range(8))), len(api.sent)

    assert run_virtual(together()) == (["first"] * 8, 1)


def test_all_whose_token_was_refused_get_one_new_token() -> None:
    async def refused() -> tuple[list[str], int]:
        api = FakeApi([given("first"), given("second"), given("third")])
        credentials = auth(api)
        old = await credentials.token()

        async def again() -> str:
            assert credentials.reject(old)
            return await credentials.token()

        tokens = [await again() for _ in range(4)]
        return tokens, len(api.sent)

    assert run_virtual(refused()) == (["second"] * 4, 2)


def test_a_fixed_token_has_no_successor() -> None:
    async def fixed() -> tuple[str, bool]:
        credentials = FixedToken("given")
        return await credentials.token(), credentials.reject("given")

    assert run_virtual(fixed()) == ("given", False)


@pytest.mark.parametrize(
    "answer",
    [
        reply(429, {}),
        reply(500, b"oops"),
        reply(503, {}),
        reply(200, b"<html>"),
        TransientError("timeout", "no answer"),
    ],
)
def test_a_service_that_is_down_is_tried_again(answer: Reply | TransientError) -> None:
    async def fetched() -> str:
        credentials = auth(FakeApi([answer, given("later")]))
        assert isinstance(await gives_up(credentials.token()), TransientError)
        return await credentials.token()

    assert run_virtual(fetched()) == "later"


@pytest.mark.parametrize(
    "answer",
    [
        reply(400, {}),
        reply(401, {}),
        reply(403, {"errors": [{"code": 99, "message": "Unable to verify your credentials"}]}),
        reply(404, b"<html>"),
        reply(302, b""),
        reply(200, []),
        reply(200, "text"),
        reply(200, {}),
        given(None),
        given(12),
        given(""),
        given("two words"),
        given("line\nbreak"),
        given("tökén"),
        reply(200, {"access_token": "t", "token_type": "mac"}),
        reply(200, {"access_token": "t", "token_type": [["deep"]]}),
    ],
)
def test_whatever_gives_no_usable_token_stops_and_says_what_to_check(answer: Reply) -> None:
    error = run_virtual(gives_up(auth(FakeApi([answer])).token()))
    assert isinstance(error, StoppedError)
    assert "engagement." in str(error)


def test_the_secret_is_in_no_error_and_no_repr() -> None:
    credentials = auth(FakeApi([reply(403, {"errors": [SECRET.upper()]})]))
    error = run_virtual(gives_up(credentials.token()))
    assert SECRET not in repr(error) + str(error) + repr(credentials) + repr(FixedToken(SECRET))
