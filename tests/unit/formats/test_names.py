"""Names and texts in their normal form."""

from __future__ import annotations

import pytest

from worker.formats.names import campaign_name, cut, fold_hashtag, handle, post_text


@pytest.mark.parametrize(
    ("name", "normal"),
    [
        ("  spring \t launch\n", "spring launch"),
        ("cafe\u0301", "caf\u00e9"),
        ("a\x00b\x1bc\x7f", "abc"),
        ("\u202eevil", "evil"),
        ("a\ud800b", "ab"),
        ("Spring", "Spring"),
        ("\u2028", None),
        ("", None),
        ("all", None),
        (" All ", None),
        ("x" * 101, "x" * 100),
        ("x" * 99 + " y", "x" * 99),
    ],
)
def test_campaign_names(name: str, normal: str | None) -> None:
    assert campaign_name(name, 100) == normal


def test_hashtags_fold_to_one_form() -> None:
    assert {fold_hashtag(tag) for tag in ("#Spring", "SPRING", "＃ｓｐｒｉｎｇ", " spring ")} == {"spring"}  # noqa: RUF001 -- wide letters
    assert fold_hashtag("#") == ""


def test_handles_lose_the_at_sign_and_nothing_else_passes_for_one() -> None:
    assert handle("@anna_k") == handle(" anna_k\n") == "anna_k"
    assert [handle(raw) for raw in ("", "@", None, 5, ["anna"])] == [None] * 5
    assert handle("x" * 500) == "x" * 50


def test_texts_are_unescaped_once_and_cut() -> None:
    assert post_text("a &amp; b &lt;3 &amp;lt;", 280) == "a & b <3 &lt;"
    assert post_text("x" * 281, 280) == "x" * 280
    assert post_text("\udc00", 280) == "\ufffd"
    assert [post_text(raw, 280) for raw in ("", None, 5)] == [None] * 3


@pytest.mark.parametrize(
    ("text", "length", "kept"),
    [
        ("abc", 3, "abc"),
        ("abcd", 3, "abc"),
        ("abe\u0301d", 3, "ab"),
        ("ab\U0001f44d\U0001f3fdd", 3, "ab"),
        ("a\U0001f468\u200d\U0001f469", 3, "a"),
        ("a\u2764\ufe0fx", 2, "a"),
        ("e" + "\u0301" * 100, 50, "e" + "\u0301" * 49),
    ],
)
def test_cutting_does_not_end_inside_a_character_as_people_see_it(text: str, length: int, kept: str) -> None:
    assert cut(text, length) == kept
