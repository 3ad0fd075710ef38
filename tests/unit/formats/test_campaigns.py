"""Campaigns come from the places that the rules allow, in one normal form."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.unit.formats.messages import (
    AT,
    EVERYWHERE,
    activity_share,
    native_retweet,
    read,
    v2_post,
    v2_retweet,
)
from worker.formats.record import RecordReader
from worker.formats.rules import ReadingRules
from worker.model import Sighting

if TYPE_CHECKING:
    from worker.formats.campaigns import Headers


def campaigns(value: object, **rules: Any) -> tuple[str, ...]:
    reading = read(value, **rules)
    assert isinstance(reading, Sighting), reading
    return reading.campaigns


def with_headers(headers: Headers, value: bytes = b"5", **rules: Any) -> tuple[str, ...]:
    reading = RecordReader(ReadingRules(**rules)).read(value, None, headers, "brand.posts", AT)
    assert isinstance(reading, Sighting), reading
    return reading.campaigns


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"campaign": "spring"}, ("spring",)),
        ({"campaign": "one, and the same"}, ("one, and the same",)),
        ({"campaign": ["b", "a", "b"]}, ("a", "b")),
        ({"campaign": 2024}, ("2024",)),
        ({"campaigns": ["b", "a"]}, ("a", "b")),
        ({"campaigns": "b, a ,,b"}, ("a", "b")),
        ({"campaign": "a", "campaigns": ["b"]}, ("a", "b")),
        ({"campaign": "all"}, ()),
        ({"campaigns": ["ALL", "a"]}, ("a",)),
        ({"campaign": None, "campaigns": {"a": 1}}, ()),
        ({"campaign": [True, None, ["a"]]}, ()),
        ({"campaign": "  "}, ()),
    ],
)
def test_campaign_fields(fields: dict[str, Any], expected: tuple[str, ...]) -> None:
    assert campaigns({"id": "5", **fields}) == expected


def test_headers_may_repeat_and_a_bad_one_costs_nothing_else() -> None:
    headers = [
        ("campaign", b"b"),
        ("other", b"x"),
        ("campaign", b"\xff"),
        ("campaign", None),
        ("campaign", b"a"),
    ]
    assert with_headers(headers) == ("a", "b")
    assert with_headers(headers, b'{"id": 5, "campaign": "c"}') == ("a", "b", "c")
    assert with_headers(headers, b'"5"') == ("a", "b")
    assert with_headers(headers, campaigns_from=frozenset({"fields"})) == ()


def test_the_topic_is_a_campaign_by_its_own_name_or_by_the_map() -> None:
    source: dict[str, Any] = {"campaigns_from": frozenset({"topic"})}
    assert with_headers((), **source) == ("brand.posts",)
    assert with_headers((), b'{"id": 5}', **source) == ("brand.posts",)
    assert with_headers((), **source, topic_campaigns={"brand.posts": "Brand"}) == ("Brand",)
    assert with_headers((), **source, topic_campaigns={"another": "Brand"}) == ()
    both = frozenset({"topic", "header"})
    assert with_headers([("campaign", b"a")], campaigns_from=both) == ("a", "brand.posts")


def test_rule_tags_are_campaigns_and_a_map_is_also_the_list_of_those_wanted() -> None:
    assert campaigns(v2_post()) == ("spring launch",)
    assert campaigns(v2_post(), tag_campaigns={" spring  launch": "Spring 24"}) == ("Spring 24",)
    assert campaigns(v2_post(), tag_campaigns={"summer": "Summer"}) == ()
    assert campaigns(v2_post(), tag_campaigns={"all": "Everything"}) == ()
    assert campaigns(v2_post(), campaigns_from=frozenset()) == ()


def test_hashtags_are_off_until_asked_for_and_compare_folded() -> None:
    hashtags = {"campaigns_from": frozenset({"hashtags"})}
    assert campaigns(v2_post()) == ("spring launch",)
    assert campaigns(v2_post(), **hashtags) == ("spring",)
    for written in ("#SPRING", "spring", "＃Ｓｐｒｉｎｇ"):  # noqa: RUF001 -- wide letters
        assert campaigns(v2_post(), **hashtags, hashtag_campaigns={written: "Launch"}) == ("Launch",)
    assert campaigns(v2_post(), **hashtags, hashtag_campaigns={"autumn": "Autumn"}) == ()
    assert campaigns({"id": 5, "hashtags": ["Straße", "STRASSE", "#x"]}, **hashtags) == ("strasse", "x")
    composed, decomposed = "caf\u00e9", "CAFE\u0301"
    assert campaigns({"id": 5, "hashtags": [composed, decomposed]}, **hashtags) == (composed,)


@pytest.mark.parametrize("message", [v2_retweet(), native_retweet()])
def test_a_retweet_brings_its_own_tags_and_the_hashtags_of_both(message: dict[str, Any]) -> None:
    tag = message["matching_rules"][0]["tag"]
    assert campaigns(message, campaigns_from=EVERYWHERE) == tuple(sorted(["outer", "spring", tag]))
    assert campaigns(message, campaigns_from=EVERYWHERE, retweets="as_is") == tuple(sorted(["outer", tag]))


def test_an_activity_share_brings_tags_and_hashtags() -> None:
    assert campaigns(activity_share(), campaigns_from=EVERYWHERE) == ("spring", "spring launch")


def test_a_record_names_a_bounded_number_of_campaigns() -> None:
    names = [f"c{number:05}" for number in range(3000)]
    assert campaigns({"id": 5, "campaigns": names[::-1]}) == tuple(names[:50])
    assert campaigns({"id": 5, "campaigns": names[::-1]}, max_campaigns=2) == ("c00000", "c00001")


def test_rules_name_all_their_faults_at_once() -> None:
    with pytest.raises(ValueError, match=r"retweets.*campaigns_from.*id_path.*text_length") as fault:
        ReadingRules(
            retweets="maybe",  # type: ignore[arg-type]
            campaigns_from=frozenset({"moon"}),  # type: ignore[arg-type]
            id_path="a..b",
            text_length=0,
        )
    assert "'moon'" in str(fault.value)
