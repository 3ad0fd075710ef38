"""Faults: drawn by seed, in the shares asked for, and clear about what they do not take."""

from __future__ import annotations

from collections import Counter

import orjson
import pytest

from sandbox.faults import FaultDraw, Faults, Shares, read_faults
from sandbox.messages import Answer


def drawn(faults: object, count: int) -> list[str | None]:
    draw = FaultDraw()
    draw.set(Faults.model_validate(faults))
    return [draw.next() for _ in range(count)]


def test_the_same_seed_draws_the_same_faults_and_another_draws_others() -> None:
    faults = {"shares": {"429": 0.3, "html": 0.3}, "seed": 5}
    assert drawn(faults, 200) == drawn(faults, 200)
    assert drawn(faults, 200) != drawn({**faults, "seed": 6}, 200)


def test_setting_the_faults_again_starts_the_draw_again() -> None:
    draw = FaultDraw()
    faults = Faults.model_validate({"shares": {"500": 0.5}, "seed": 1})
    draw.set(faults)
    first = [draw.next() for _ in range(50)]
    draw.set(faults)
    assert [draw.next() for _ in range(50)] == first


def test_each_fault_comes_in_its_share() -> None:
    counted = Counter(drawn({"shares": {"429": 0.1, "401": 0.05, "cut_off": 0.2}}, 4000))
    assert counted["429"] == pytest.approx(400, abs=80)
    assert counted["401"] == pytest.approx(200, abs=60)
    assert counted["cut_off"] == pytest.approx(800, abs=110)
    assert counted[None] == 4000 - counted["429"] - counted["401"] - counted["cut_off"]


@pytest.mark.parametrize("name", list(Shares().model_dump(by_alias=True)))
def test_a_share_of_one_meets_every_request(name: str) -> None:
    assert set(drawn({"shares": {name: 1}}, 100)) == {name}


@pytest.mark.parametrize("body", [b"", b"{}", b'{"shares": {}}', b'{"shares": {"429": 0, "slow": 0.0}}'])
def test_nothing_and_zeros_are_no_faults(body: bytes) -> None:
    faults = read_faults(body)
    assert isinstance(faults, Faults)
    assert not any(faults.shares.model_dump().values())
    assert faults.latency_seconds == 0


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ({"shares": {"429": 1.5}}, "shares.429: Input should be less than or equal to 1"),
        ({"shares": {"html": -0.1}}, "shares.html: Input should be greater than or equal to 0"),
        ({"shares": {"404": 0.1}}, "shares.404: Extra inputs are not permitted"),
        ({"shares": {"500": "0.1"}}, "shares.500: Input should be a valid number"),
        ({"shares": {"500": True}}, "shares.500: Input should be a valid number"),
        (
            {"shares": {"500": 0.6, "503": 0.6}},
            "shares: shares add up to 1.2; together they can be 1 at most",
        ),
        ({"latency_seconds": -1}, "latency_seconds: Input should be greater than or equal to 0"),
        ({"latency": 1}, "latency: Extra inputs are not permitted"),
        ({"seed": 1.5}, "seed: Input should be a valid integer"),
        ([], "the body must be a JSON object"),
        ({"shares": []}, "shares: Input should be a valid dictionary"),
    ],
)
def test_a_wrong_setting_is_named(content: object, text: str) -> None:
    answer = read_faults(orjson.dumps(content))
    assert isinstance(answer, Answer)
    assert answer.status == 400
    assert answer.content == {"errors": [text]}


def test_all_wrong_settings_are_named_at_once() -> None:
    answer = read_faults(b'{"shares": {"429": 2, "x": 1}, "seed": "a"}')
    assert isinstance(answer, Answer)
    assert [text.split(":")[0] for text in answer.content["errors"]] == ["shares.429", "shares.x", "seed"]


def test_a_body_that_is_not_json_is_refused() -> None:
    answer = read_faults(b"{")
    assert isinstance(answer, Answer)
    assert answer.content["errors"][0].startswith("the body is not JSON: ")
