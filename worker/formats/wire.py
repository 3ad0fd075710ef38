"""The format of the topic ``<group>.sightings``: how intake hands a Sighting to the Post's owner.

The key is the Post ID as text; ``intake`` chooses the partition by it, so that each Post has one owner.
The value is small JSON that a person can read:
``{"v":1,"campaigns":["spring"],"seen_at":1763719740.123,"author":"anna","text":"…"}``; ``author``,
``text`` and ``author_id`` are left out where they are not known. A null value is a tombstone.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final

import orjson

from worker.formats.ids import read_id_bytes
from worker.formats.own import is_campaign, is_moment, parse_own
from worker.formats.reasons import Reason, show, unreadable
from worker.formats.versions import not_this_version
from worker.model import Campaign, PostId, Sighting, Timestamp, Tombstone, Unreadable

WIRE_VERSION: Final = 1
"""Goes up when a reader of the version before would misread; a field it may ignore is no new version."""
_SEEN_AT: Final = b',"seen_at":'
_LONGEST_MOMENT: Final = 24
_REMEMBERED: Final = 8192
_LONGEST_REMEMBERED: Final = 1024


def encode_sighting(sighting: Sighting) -> tuple[bytes, bytes]:
    """Key and value of a Sighting. Inverse of ``decode``.

    Raises ``orjson.JSONEncodeError`` for texts that hold lone surrogates; those of a ``RecordReader`` do not.
    """
    value: dict[str, object] = {"v": 1, "campaigns": sighting.campaigns, "seen_at": sighting.seen_at}
    if sighting.author is not None:
        value["author"] = sighting.author
    if sighting.text is not None:
        value["text"] = sighting.text
    if sighting.author_id is not None:
        value["author_id"] = sighting.author_id
    return b"%d" % sighting.post_id, orjson.dumps(value)


def encode_tombstone(post_id: PostId) -> tuple[bytes, None]:
    """Key and value that say: stop tracking this Post."""
    return b"%d" % post_id, None


def decode(key: bytes | None, value: bytes | None) -> Sighting | Tombstone | Unreadable:
    """What a record of the sightings topic says. Never raises.

     ``Unreadable`` with ``wire_version`` means that a newer worker of the group wrote it: it is not damaged,
    and this worker must not skip it for good.
    """
    post_id = None if key is None else read_id_bytes(key)
    if post_id is None:
        return unreadable(Reason.WIRE_MALFORMED, f"key: {show(key)} is no Post ID as text.")
    if value is None:
        return Tombstone(post_id)
    head, _, rest = value.partition(_SEEN_AT)
    if len(rest) <= _LONGEST_MOMENT and len(head) <= _LONGEST_REMEMBERED:
        campaigns, seen_at = _read_head(head), _read_moment(rest)
        if campaigns is not None and seen_at is not None:
            return Sighting(post_id, campaigns, seen_at)
    return _decode_value(post_id, value)


@lru_cache(_REMEMBERED)
def _read_head(head: bytes) -> tuple[Campaign, ...] | None:
    """The campaigns in a value up to ``seen_at``; the same few heads come again, and share one tuple."""
    document = parse_own(head + b"}")
    if (
        not isinstance(document, dict)
        or document.keys() != {"v", "campaigns"}
        or document["v"] != WIRE_VERSION
    ):
        return None
    return _campaigns(document["campaigns"])


def _read_moment(rest: bytes) -> Timestamp | None:
    """The moment that ends a value which carries neither author nor text; ``None`` for all else."""
    if rest[-1:] != b"}":
        return None
    try:
        moment: Timestamp = orjson.loads(rest[:-1])
    except orjson.JSONDecodeError:
        return None
    return moment if type(moment) is float and is_moment(moment) else None


def _decode_value(post_id: PostId, value: bytes) -> Sighting | Unreadable:
    """Any value in full: one with author and text, of another version, or damaged."""
    document = parse_own(value)
    if not isinstance(document, dict) or document.get("v") != WIRE_VERSION:
        return not_this_version(
            document, "sighting", WIRE_VERSION, newer=Reason.WIRE_VERSION, malformed=Reason.WIRE_MALFORMED
        )
    campaigns, seen_at = _campaigns(document.get("campaigns")), document.get("seen_at")
    author, text, author_id = document.get("author"), document.get("text"), document.get("author_id")
    if (
        campaigns is None
        or not is_moment(seen_at)
        or (author is not None and type(author) is not str)
        or (text is not None and type(text) is not str)
        or (author_id is not None and type(author_id) is not str)
    ):
        return unreadable(Reason.WIRE_MALFORMED, f"the value: {show(value)} is JSON, but no sighting.")
    return Sighting(post_id, campaigns, seen_at, author, text, author_id)  # type: ignore[arg-type]  # looked at above


def _campaigns(names: object) -> tuple[Campaign, ...] | None:
    if type(names) is not list:
        return None
    campaigns = tuple([Campaign(name) for name in names if type(name) is str and is_campaign(name)])
    return campaigns if len(campaigns) == len(names) else None
