"""Letters as text and JSON: all of it, and nothing that acts on a terminal."""

from __future__ import annotations

import json

import pytest

from tests.unit.dead_letters.making import letter
from worker.dead_letters.advice import ADVICE, advice
from worker.dead_letters.shown import as_json, line, plain, whole
from worker.formats.reasons import Reason

NASTY = "\x1b[31mred\x07\u202eback\n"


def test_a_line_says_when_where_why_and_how_the_value_begins() -> None:
    said = line(letter(b'{"a": 1}', offset=17), replayed=False)
    assert said.split() == [
        *("2025-11-21T10:09:00Z", "17", "no", "no_id", "posts:3:41", "nothing", "there.", "|", '{"a":', "1}")
    ]


def test_a_line_fits_the_terminal() -> None:
    assert len(line(letter(b"x" * 500), replayed=False, width=60)) == 60
    assert "null" in line(letter(None), replayed=False)


def test_nothing_in_a_letter_acts_on_a_terminal() -> None:
    nasty = letter(NASTY.encode(), key=NASTY.encode(), headers=[(NASTY, NASTY.encode())])
    shown = [
        line(nasty, replayed=False),
        *whole(nasty, replayed=False),
        as_json(nasty, replayed=False, all_of_it=True),
        as_json(nasty, replayed=False, all_of_it=False),
    ]
    assert all(one.isprintable() for one in shown)
    assert plain(NASTY) == r"\x1b[31mred\x07\u202eback\n"
    assert plain("schön 👍") == "schön 👍"


def test_all_of_a_letter_is_shown_with_what_to_do() -> None:
    said = "\n".join(
        whole(letter(b"\xff\x00", key=None, headers=[("campaign", b"spring")], offset=9), replayed=False)
    )
    assert "dead letter 9" in said
    assert "no_id: nothing there." in said
    assert "intake.id_path" in said
    assert "posts:3:41" in said
    assert "key      null" in said
    assert "campaign: spring (text)" in said
    assert "/wA= (base64 of 2 bytes)" in said
    assert "cannot" not in said
    assert "cannot be: its value was too long to keep" in "\n".join(
        whole(letter(b"x" * 2_000_000), replayed=False)
    )


@pytest.mark.parametrize(
    ("value", "document"),
    [(b"abc", {"text": "abc"}), (b"\xff", {"base64": "/w=="}), (None, None), (b"", {"text": ""})],
)
def test_json_has_text_as_text_bytes_as_base64_and_null_as_null(
    value: bytes | None, document: dict[str, str] | None
) -> None:
    found = json.loads(as_json(letter(value, headers=[("a", b"\xff")]), replayed=False, all_of_it=True))
    assert found["value"] == document
    assert found["key"] == {"text": "k"}
    assert found["headers"] == [{"name": "a", "base64": "/w=="}]
    assert found["source"] == {"topic": "posts", "partition": 3, "offset": 41}


@pytest.mark.parametrize("reason", Reason)
def test_there_is_advice_for_every_reason(reason: Reason) -> None:
    assert advice(reason.value) == ADVICE[reason]


def test_a_reason_of_another_version_has_an_advice_too() -> None:
    assert "does not know the reason" in advice("no_luck")


def test_it_says_of_each_letter_whether_it_was_replayed() -> None:
    sent = letter(b"{}", offset=17)
    assert line(sent, replayed=True).split()[2] == "yes"
    assert "  replayed yes" in whole(sent, replayed=True)
    assert [json.loads(as_json(sent, replayed=one, all_of_it=True))["replayed"] for one in (True, False)] == [
        True,
        False,
    ]
