"""Messages of streams that are not Posts: delete notices, compliance events, and the stream's word on itself.

Sources: X's documentation of the compliance firehose, of the v2 compliance streams, of batch compliance, of
the v1.1 streaming message types and of Gnip's Activity Streams.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from worker.formats.ids import read_id
from worker.formats.reasons import Reason, unreadable
from worker.formats.shapes import find_id
from worker.model import Skip, Tombstone, Unreadable

if TYPE_CHECKING:
    from worker.formats.parsing import Json

POST_GONE: Final = (
    *("delete", "drop", "withheld", "status_withheld"),
    *("tweet_delete", "tweet_drop", "tweet_withheld", "post_delete"),
)
"""Events after which a Post may not be shown, here or in some country."""

OTHER_COMPLIANCE: Final = (
    *("user_delete", "user_undelete", "user_protect", "user_unprotect", "user_suspend", "user_unsuspend"),
    *("user_withheld", "user_profile_modification", "scrub_geo", "undrop", "tweet_edit"),
)
"""Events about accounts or places, or that take nothing away: no Post's tracking stops."""

SYSTEM: Final = ("info", "limit", "warning", "warn", "disconnect", "error")
"""Objects in which a stream speaks of itself."""

_SYSTEM_TEXTS: Final = ("connection_issue", "disconnect_type")
_POST_HOLDERS: Final = ("status", "tweet", "post")


def read_addressed_notice(record: Json) -> Tombstone | Skip | Unreadable | None:
    """A notice that carries an ID where a Post does; ``None`` for all else. Ask before believing the ID.

     These are Activity Streams' ``verb: delete`` and the lines of a batch compliance result (``action:
    delete``).
    """
    if record.get("verb") == "delete":
        shared = record.get("object")
        target = shared if isinstance(shared, dict) and find_id(shared)[1] is not None else record
        return _gone("object", target)
    if record.get("action") == "delete" and ("reason" in record or "redacted_at" in record):
        return Skip("compliance") if record.get("reason") == "scrub_geo" else _gone("action delete", record)
    return None


def read_notice(record: Json) -> Tombstone | Skip | Unreadable | None:
    """A notice among the messages without a Post; ``None`` for an object that is none known.

    v1.1 and the compliance firehose name the event at the top, v2 inside ``data``.
    """
    data = record.get("data")
    for holder in (record, data) if isinstance(data, dict) else (record,):
        for name in POST_GONE:
            if isinstance(event := holder.get(name), dict):
                return _read_event(name, event)
        if any(isinstance(holder.get(name), dict) for name in OTHER_COMPLIANCE):
            return Skip("compliance")
    return Skip("system") if _is_system(record) else None


def _read_event(name: str, event: Json) -> Tombstone | Skip | Unreadable:
    if "favorite" in event:  # a like was taken back; the Post stays
        return Skip("compliance")
    for key in _POST_HOLDERS:
        if isinstance(post := event.get(key), dict):
            return _gone(f"{name}.{key}", post)
    return _gone(name, event)


def _gone(where: str, post: Json) -> Tombstone | Unreadable:
    field, raw = find_id(post)
    if raw is None:
        return unreadable(Reason.NO_ID, f"{where}: a delete notice without the Post's ID in id_str or id.")
    post_id = read_id(raw, f"{where}.{field}")
    return post_id if isinstance(post_id, Unreadable) else Tombstone(post_id)


def _is_system(record: Json) -> bool:
    errors = record.get("errors")
    return (
        any(isinstance(record.get(name), dict) for name in SYSTEM)
        or any(isinstance(record.get(name), str) for name in _SYSTEM_TEXTS)
        or (isinstance(errors, list) and bool(errors) and all(isinstance(error, dict) for error in errors))
    )
