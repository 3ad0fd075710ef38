"""What comes along with a Post in JSON: author, text, hashtags, rule tags, campaign fields.

Each function knows the places in every shape and takes whatever stands there, also what should not.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from worker.formats.parsing import Json

_LONG_TEXTS: Final = (("extended_tweet", "full_text"), ("note_tweet", "text"), ("long_object", "body"))
"""What holds the long form of a Post, and the text in it: v1.1, v2, Activity Streams."""

_LONGEST_NUMBER: Final = 20


def author_of(post: Json, record: Json) -> object:
    """The author's handle.

    Places: ``user.screen_name`` (v1.1), ``actor.preferredUsername`` (Activity Streams), ``includes.users`` of
    the record by ``author_id`` (v2), ``author`` (a handle, or an object with ``username``), ``username``,
    ``screen_name``.
    """
    if "user" in post and isinstance(user := post["user"], dict):
        return user.get("screen_name")
    if "actor" in post and isinstance(actor := post["actor"], dict):
        return actor.get("preferredUsername")
    if "author" in post and (author := post["author"]) is not None:
        return author.get("username") if isinstance(author, dict) else author
    if "author_id" in post and (author_id := post["author_id"]) is not None:
        for account in included(record, "users"):
            if account.get("id") == author_id:
                return account.get("username")
    return post.get("username") or post.get("screen_name")


def author_id_of(post: Json) -> str | None:
    """The number of the author's account, as text: ``author_id`` (v2), which comes without the handle too."""
    number = post.get("author_id")
    if not isinstance(number, str) or not number.isascii() or not number.isdecimal():
        return None
    return number if len(number) <= _LONGEST_NUMBER else None


def text_of(post: Json) -> object:
    """The Post's text: the long form where a shape has one beside the short."""
    for name, key in _LONG_TEXTS:
        if name in post and isinstance(long := post[name], dict) and isinstance(text := long.get(key), str):
            return text
    return post.get("text") or post.get("full_text") or post.get("body")


def hashtags_of(post: Json) -> list[str]:
    """Hashtags as they are written, from the entities of every shape and from a plain list ``hashtags``."""
    found = _hashtags_in(post)
    for name, _ in _LONG_TEXTS:
        if name in post and isinstance(holder := post[name], dict):
            found += _hashtags_in(holder)
    return found


def rule_tags_of(record: Json) -> list[str]:
    """The tags of the rules that matched: ``matching_rules[].tag``, in Activity Streams inside ``gnip``."""
    found = _members(record["matching_rules"], "tag") if "matching_rules" in record else []
    if "gnip" in record and isinstance(gnip := record["gnip"], dict):
        found += _members(gnip.get("matching_rules"), "tag")
    return found


def campaign_fields_of(record: Json) -> list[str]:
    """``campaign``: a name or a list of names. ``campaigns``: a list, or one text with commas."""
    found = _names(record["campaign"]) if "campaign" in record else []
    if "campaigns" in record:
        many = record["campaigns"]
        found += many.split(",") if isinstance(many, str) else _names(many)
    return found


def included(record: Json, kind: str) -> list[Json]:
    """The objects of one kind that a v2 answer carries beside its Posts."""
    includes = record.get("includes")
    objects = includes.get(kind) if isinstance(includes, dict) else None
    return [item for item in objects if isinstance(item, dict)] if isinstance(objects, list) else []


def _hashtags_in(holder: Json) -> list[str]:
    found = _members(holder["hashtags"], "text", "tag") if "hashtags" in holder else []
    for name in ("entities", "twitter_entities"):
        if name in holder and isinstance(entities := holder[name], dict):
            found += _members(entities.get("hashtags"), "text", "tag")
    return found


def _members(items: object, *keys: str) -> list[str]:
    """The texts in a list, and what its objects hold under the first of these keys that they have."""
    found: list[str] = []
    for item in items if isinstance(items, list) else ():
        value = item
        if isinstance(item, dict):
            value = next((item[key] for key in keys if key in item), None)
        if isinstance(value, str):
            found.append(value)
    return found


def _names(value: object) -> list[str]:
    """A name, or a list of names. A number is a name too: campaigns are called 2024."""
    if isinstance(value, str):
        return [value]
    items = value if isinstance(value, list) else [value]
    return [str(item) for item in items if isinstance(item, str | int) and not isinstance(item, bool)]
