"""Where in a JSON object the Post stands, and of a retweet the original."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeAlias

from worker.formats.details import included

if TYPE_CHECKING:
    from worker.formats.parsing import Json

Place: TypeAlias = "tuple[Json, str]"
"""An object, and where its fields stand in the record, for details: empty, or ending in a dot."""

ID_FIELDS: Final = ("id_str", "tweet_id", "post_id", "id")
"""Where an object's own ID is looked for: ``id_str`` before ``id``, whose digits JavaScript may have lost;
the fields that say what they are an ID of before the one that does not."""

_LONGEST_INDEX: Final = 9


def find_id(post: Json) -> tuple[str, object]:
    """The field of the object's own ID and what stands there; an empty name and ``None`` if there is none."""
    for field in ID_FIELDS:
        if field in post and (raw := post[field]) is not None:
            return field, raw
    return "", None


def locate(record: Json) -> Place:
    """The Post in a record: the object itself, or its ``data`` where only that is a Post (v2 streams)."""
    if (
        "data" in record
        and isinstance(data := record["data"], dict)
        and find_id(record)[1] is None
        and original_of(record, "", record) is None
    ):
        return data, "data."
    return record, ""


def original_of(post: Json, where: str, record: Json) -> Place | None:
    """The original of a retweet, carried or named in one of three ways; ``None`` of all other Posts.

     v1.1 nests it in ``retweeted_status``; v2 names it in ``referenced_tweets`` and carries it, when asked
    to, in ``includes.tweets``; Activity Streams nest it in ``object`` of a ``share``. A quote is a Post of
    its own.
    """
    if "retweeted_status" in post and isinstance(nested := post["retweeted_status"], dict):
        return nested, f"{where}retweeted_status."
    if "referenced_tweets" in post and isinstance(references := post["referenced_tweets"], list):
        for reference in references:
            if isinstance(reference, dict) and reference.get("type") == "retweeted":
                return _included(reference, record), f"{where}referenced_tweets."
    if "verb" in post and post["verb"] == "share" and isinstance(shared := post.get("object"), dict):
        return shared, f"{where}object."
    return None


def follow(value: object, steps: tuple[str, ...]) -> tuple[object, object]:
    """What stands at a path, and the object or list it stands in; twice ``None`` if the path ends early."""
    holder: object = None
    for step in steps:
        holder = value
        if isinstance(value, dict):
            value = value.get(step)
        elif isinstance(value, list) and step.isascii() and step.isdigit() and len(step) <= _LONGEST_INDEX:
            value = value[int(step)] if int(step) < len(value) else None
        else:
            return None, None
    return value, holder


def _included(reference: Json, record: Json) -> Json:
    """The original as the record carries it; else what the reference says of it, which is its ID."""
    for post in included(record, "tweets"):
        if post.get("id") == reference.get("id"):
            return post
    return reference
