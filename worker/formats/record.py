"""A record of an input topic, read: every input is exactly one Reading, and no input raises."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from worker.formats.campaigns import CampaignMap
from worker.formats.details import author_id_of, author_of, text_of
from worker.formats.ids import looks_like_id, read_id, read_id_bytes
from worker.formats.names import handle, post_text
from worker.formats.notices import read_addressed_notice, read_notice
from worker.formats.parsing import parse_json
from worker.formats.reasons import Reason, show, unreadable
from worker.formats.shapes import ID_FIELDS, find_id, follow, locate, original_of
from worker.model import Sighting, Skip, Tombstone, Unreadable

if TYPE_CHECKING:
    from worker.formats.campaigns import Headers
    from worker.formats.parsing import Json
    from worker.formats.rules import ReadingRules
    from worker.formats.shapes import Place
    from worker.model import Campaign, PostId, Reading, Timestamp

_BOM: Final = b"\xef\xbb\xbf"
_VALUE: Final = "the value"
_KEEP_ALIVE: Final = Skip("keep_alive")
_RETWEET: Final = Skip("retweet")
_SHOWN_FIELDS: Final = 10


class RecordReader:
    """Reads records by one set of rules. Safe to use from one thread; remembers campaigns, not records."""

    def __init__(self, rules: ReadingRules) -> None:
        self._rules = rules
        self._id_steps = rules.id_steps
        self._campaigns = CampaignMap(rules)

    def read(
        self, value: bytes | None, key: bytes | None, headers: Headers, topic: str, at: Timestamp
    ) -> Reading:
        """What this record is. Never raises. ``at`` becomes the Sighting's ``seen_at``."""
        if value is None:
            return _read_null(key)
        post_id = read_id_bytes(value)
        if post_id is None:
            return self._read_other(value, headers, topic, at)
        if headers:
            return Sighting(post_id, self._campaigns.of((), (), headers, topic), at)
        return Sighting(post_id, self._campaigns.of_topic(topic), at)

    def read_json(self, document: object, headers: Headers, topic: str, at: Timestamp) -> Reading:
        """The same for a value that is parsed already, such as one of many in a file."""
        if isinstance(document, dict):
            return self._read_object(document, headers, topic, at)
        if isinstance(document, list):
            return self._read_at_path(document, headers, topic, at) or _several_posts(document)
        post_id = read_id(document, _VALUE)
        if isinstance(post_id, Unreadable):
            return post_id
        return Sighting(post_id, self._campaigns.of((), (), headers, topic), at)

    def _read_other(self, value: bytes, headers: Headers, topic: str, at: Timestamp) -> Reading:
        """Whatever is more than the digits of an ID."""
        if len(value) > self._rules.max_bytes:
            return _too_big(len(value), self._rules.max_bytes)
        if not value.startswith(b"{"):
            value = value.strip().removeprefix(_BOM).strip()
            if not value:
                return _KEEP_ALIVE
            if value.isdigit():
                return self.read_json(value.decode("ascii"), headers, topic, at)
        document = parse_json(value)
        if isinstance(document, Unreadable):
            if document.reason == Reason.NOT_JSON and looks_like_id(text := value.decode().strip()):
                return self.read_json(text, headers, topic, at)
            return document
        return self.read_json(document, headers, topic, at)

    def _read_object(self, record: Json, headers: Headers, topic: str, at: Timestamp) -> Reading:
        if ("verb" in record or "action" in record) and (notice := read_addressed_notice(record)) is not None:
            return notice
        if self._id_steps and (reading := self._read_at_path(record, headers, topic, at)) is not None:
            return reading
        post, where = locate(record)
        original = original_of(post, where, record)
        field, raw = find_id(post)
        if raw is None and (original is None or self._rules.retweets == "as_is"):
            return read_notice(record) or _no_id(record, self._rules.id_path)
        chosen = self._choose(post, where + field, raw, original)
        if not isinstance(chosen, tuple):
            return chosen
        campaigns = self._campaigns.of((record,), chosen[1:], headers, topic)
        return self._sighting(chosen[0], chosen[1], record, campaigns, at)

    def _read_at_path(self, document: object, headers: Headers, topic: str, at: Timestamp) -> Reading | None:
        """The Post whose ID stands at ``id_path``, and what stands beside it; ``None`` where nothing does."""
        raw, holder = follow(document, self._id_steps) if self._id_steps else (None, None)
        if raw is None:
            return None
        post: Json = holder if isinstance(holder, dict) else {}
        record: Json = document if isinstance(document, dict) else post
        where = "".join(f"{step}." for step in self._id_steps[:-1])
        chosen = self._choose(post, where + self._id_steps[-1], raw, original_of(post, where, record))
        if not isinstance(chosen, tuple):
            return chosen
        records = (record,) if post is record else (record, post)
        campaigns = self._campaigns.of(records, chosen[1:], headers, topic)
        return self._sighting(chosen[0], chosen[1], record, campaigns, at)

    def _choose(
        self, post: Json, field: str, raw: object, original: Place | None
    ) -> tuple[PostId, Json] | tuple[PostId, Json, Json] | Skip | Unreadable:
        """The Post that counts, by its ID, and after it the retweet whose hashtags count for it too."""
        if original is None or self._rules.retweets == "as_is":
            post_id = read_id(raw, field)
            return post_id if isinstance(post_id, Unreadable) else (post_id, post)
        if self._rules.retweets == "skip":
            return _RETWEET
        shared, where = original
        name, raw = find_id(shared)
        if raw is None:
            return _no_original(where)
        post_id = read_id(raw, where + name)
        return post_id if isinstance(post_id, Unreadable) else (post_id, shared, post)

    def _sighting(
        self, post_id: PostId, post: Json, record: Json, campaigns: tuple[Campaign, ...], at: Timestamp
    ) -> Sighting:
        rules = self._rules
        author = handle(author_of(post, record)) if rules.keep_author else None
        return Sighting(
            post_id,
            campaigns,
            at,
            author,
            post_text(text_of(post), rules.text_length) if rules.keep_text else None,
            author_id_of(post) if rules.keep_author and author is None else None,
        )


def _read_null(key: bytes | None) -> Tombstone | Unreadable:
    """A tombstone, when the key is a Post ID as text or as a JSON string."""
    post_id: PostId | None = None
    if key is not None:
        text = key.strip().removeprefix(_BOM).strip()
        post_id = read_id_bytes(text[1:-1] if text[:1] == text[-1:] == b'"' else text)
    if post_id is not None:
        return Tombstone(post_id)
    detail = (
        f"the value: null, and the key {show(key)} is no Post ID; a null stops tracking the Post of its key."
    )
    return unreadable(Reason.NULL_VALUE, detail)


def _too_big(size: int, limit: int) -> Unreadable:
    return unreadable(Reason.TOO_BIG, f"the value: {size} bytes is above the limit of {limit} bytes.")


def _several_posts(document: list[object]) -> Unreadable:
    detail = f"the value: a list of {len(document)}; a record holds one Post, so send one record for each."
    return unreadable(Reason.WRONG_SHAPE, detail)


def _no_id(record: Json, id_path: str | None) -> Unreadable:
    places = ", ".join([*([id_path] if id_path else []), *ID_FIELDS, "data.id"])
    data = record.get("data")
    for where, holder in (("", record), ("data.", data if isinstance(data, dict) else {})):
        for field in ID_FIELDS:
            if field in holder:
                return unreadable(Reason.ID_NULL, f"{where}{field}: null; an ID was looked for in {places}.")
    fields = ", ".join(show(name) for name in list(record)[:_SHOWN_FIELDS]) or "none"
    detail = (
        f"the value: an object with no ID in {places} (its fields: {fields}); id_path names another place."
    )
    return unreadable(Reason.NO_ID, detail)


def _no_original(where: str) -> Unreadable:
    detail = f"{where.rstrip('.')}: a retweet without the original's ID in {', '.join(ID_FIELDS)}."
    return unreadable(Reason.NO_ORIGINAL, detail)
