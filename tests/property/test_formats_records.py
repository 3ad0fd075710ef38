"""Every generated message of every shape is read right; every mutated one is still exactly one Reading."""

from __future__ import annotations

import json
import unicodedata
from typing import Any, get_args

import orjson
from hypothesis import given
from hypothesis import strategies as st

from worker.formats.names import campaign_name
from worker.formats.reasons import Reason
from worker.formats.record import RecordReader
from worker.formats.rules import CampaignSource, ReadingRules, Retweets
from worker.model import MAX_POST_ID, Campaign, Reading, Sighting, Skip, Timestamp, Tombstone, Unreadable

AT = Timestamp(1763719740.125)
EVERYWHERE = frozenset(get_args(CampaignSource))
REASONS = {reason.value for reason in Reason}

ids = st.one_of(
    st.integers(1, MAX_POST_ID), st.integers(2**53, 2**53 + 9), st.integers(MAX_POST_ID - 9, MAX_POST_ID)
)
words = st.text(st.characters(codec="utf-8"), max_size=20)
tags = st.lists(words, max_size=4)
blanks = st.text(" \t\r\n", max_size=3)


@st.composite
def id_objects(draw: st.DrawFn, post_id: int) -> dict[str, Any]:
    """An object with this ID in one of the fields, as a number or a text."""
    field = draw(st.sampled_from(["id", "id_str", "tweet_id", "post_id"]))
    return {field: draw(st.sampled_from([post_id, str(post_id)]))}


@st.composite
def messages(draw: st.DrawFn) -> tuple[int, set[str], dict[str, Any]]:
    """A Post's ID, the tags and hashtags it comes with, and a message of one of the shapes that says so."""
    post_id, rule_tags, hashtags = draw(ids), draw(tags), draw(tags)
    shape = draw(st.sampled_from(["simple", "v2", "native", "activity"]))
    rules = [{"id": "1", "tag": tag} for tag in rule_tags]
    retweeted_by = draw(st.none() | ids)
    text = draw(words)
    if shape == "simple":
        return post_id, set(rule_tags), {**draw(id_objects(post_id)), "campaigns": rule_tags, "text": text}
    if shape == "v2":
        post = {
            "id": str(post_id),
            "text": text,
            "entities": {"hashtags": [{"tag": tag} for tag in hashtags]},
        }
        outer: dict[str, Any] = {"data": post, "matching_rules": rules}
        if retweeted_by is not None:
            reference = {"type": "retweeted", "id": str(post_id)}
            outer["data"] = {"id": str(retweeted_by), "referenced_tweets": [reference]}
            outer["includes"] = {"tweets": [post]}
    elif shape == "native":
        outer = {"id": float(post_id), "id_str": str(post_id), "text": text}
        outer["entities"] = {"hashtags": [{"text": tag} for tag in hashtags]}
        if retweeted_by is not None:
            outer = {"id_str": str(retweeted_by), "retweeted_status": outer}
        outer["matching_rules"] = rules
    else:
        outer = {"id": f"tag:search.twitter.com,2005:{post_id}", "verb": "post", "body": text}
        outer["twitter_entities"] = {"hashtags": [{"text": tag} for tag in hashtags]}
        if retweeted_by is not None:
            outer = {"id": f"tag:search.twitter.com,2005:{retweeted_by}", "verb": "share", "object": outer}
        outer["gnip"] = {"matching_rules": rules}
    return post_id, {*rule_tags, *(_folded(tag) for tag in hashtags)}, outer


def _folded(tag: str) -> str:
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", tag).casefold())
    return folded.strip().lstrip("#").strip()


def read(value: bytes | None, key: bytes | None = None, **rules: Any) -> Reading:
    return RecordReader(ReadingRules(**rules)).read(value, key, (), "posts", AT)


def check_reading(reading: Reading) -> None:
    """What every Reading promises, whatever the record."""
    if isinstance(reading, Sighting):
        assert 0 < reading.post_id <= MAX_POST_ID
        assert list(reading.campaigns) == sorted(set(reading.campaigns))
        assert "all" not in reading.campaigns
        orjson.dumps([reading.campaigns, reading.author, reading.text])
    elif isinstance(reading, Tombstone):
        assert 0 < reading.post_id <= MAX_POST_ID
    elif isinstance(reading, Unreadable):
        assert reading.reason in REASONS
        assert 0 < len(reading.detail.encode()) < 4000
    else:
        assert isinstance(reading, Skip)


@given(messages())
def test_every_message_gives_its_id_and_campaigns(message: tuple[int, set[str], dict[str, Any]]) -> None:
    post_id, names, record = message
    reading = read(json.dumps(record).encode(), campaigns_from=EVERYWHERE - {"topic"}, max_campaigns=1000)
    assert isinstance(reading, Sighting), reading
    assert reading.post_id == post_id
    assert set(reading.campaigns) == {campaign_name(name, 100) for name in names} - {None}
    check_reading(reading)


@given(ids, blanks, blanks)
def test_every_id_is_read_as_text_number_and_string(post_id: int, before: str, after: str) -> None:
    for value in (f"{before}{post_id}{after}", f'{before}"{after}{post_id}"'.replace(f'"{after}', '"')):
        assert read(value.encode()) == Sighting(post_id, (), AT)  # type: ignore[arg-type]
    assert read(None, f"{before}{post_id}{after}".encode()) == Tombstone(post_id)  # type: ignore[arg-type]


@given(st.integers(MAX_POST_ID + 1, 10**400) | st.integers(-(10**400), 0))
def test_no_number_outside_the_range_is_an_id(number: int) -> None:
    for value in (str(number), f'"{number}"', f'{{"id": {number}}}', f'{{"id": "{number}"}}'):
        reading = read(value.encode())
        assert isinstance(reading, Unreadable)
        assert reading.reason == (
            "id_zero" if number == 0 else "id_negative" if number < 0 else "id_too_large"
        )


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_no_float_is_an_id(number: float) -> None:
    assert isinstance(read(json.dumps({"id": number}).encode()), Unreadable)
    assert isinstance(read(json.dumps(number).encode()), Unreadable)


@given(
    st.binary(max_size=200),
    st.none() | st.binary(max_size=20),
    st.lists(st.tuples(st.sampled_from(["campaign", "x"]), st.none() | st.binary(max_size=9)), max_size=3),
)
def test_any_bytes_at_all_are_exactly_one_reading(
    value: bytes, key: bytes | None, headers: list[tuple[str, bytes | None]]
) -> None:
    reader = RecordReader(ReadingRules(campaigns_from=EVERYWHERE, id_path="a.0.id"))
    check_reading(reader.read(value, key, headers, "posts", AT))
    check_reading(reader.read(None, key, headers, "posts", AT))


@given(messages(), st.data())
def test_mutated_bytes_are_exactly_one_reading(
    message: tuple[int, set[str], dict[str, Any]], data: st.DataObject
) -> None:
    value = bytearray(json.dumps(message[2], ensure_ascii=data.draw(st.booleans())).encode())
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(value)))
        value[at : at + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=3))
    check_reading(read(bytes(value), campaigns_from=EVERYWHERE))


FIELDS = st.sampled_from(
    [
        *(
            "id",
            "id_str",
            "data",
            "verb",
            "object",
            "retweeted_status",
            "referenced_tweets",
            "includes",
            "tweets",
        ),
        *(
            "users",
            "user",
            "actor",
            "author",
            "author_id",
            "matching_rules",
            "gnip",
            "tag",
            "entities",
            "hashtags",
        ),
        *("delete", "status", "tweet", "action", "reason", "errors", "type", "extended_tweet", "text"),
        *("campaign", "campaigns"),
    ]
)
LEAVES = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | words
    | st.text()
    | st.sampled_from(["share", "delete", "retweeted", "tag:search.twitter.com,2005:5", "5", "\ud800"])
)
structures = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(FIELDS, inner, max_size=6),
    max_leaves=25,
)


@given(structures, st.sampled_from(["original", "as_is", "skip"]))
def test_known_fields_with_anything_in_them_are_exactly_one_reading(
    value: object, retweets: Retweets
) -> None:
    check_reading(read(json.dumps(value).encode(), campaigns_from=EVERYWHERE, retweets=retweets))


@given(st.text(), st.integers(1, 40))
def test_campaign_names_are_normal_for_good(name: str, length: int) -> None:
    once = campaign_name(name, length)
    if once is not None:
        assert campaign_name(once, length) == once
        assert 0 < len(once) <= length
        once.encode()


@given(st.text(), st.sampled_from(["NFC", "NFD"]))
def test_the_same_name_in_another_unicode_form_is_the_same_campaign(name: str, form: str) -> None:
    spelled = unicodedata.normalize(form, name)  # type: ignore[arg-type]
    composed: Campaign | None = campaign_name(unicodedata.normalize("NFC", name), 1000)
    assert campaign_name(spelled, 1000) == composed
