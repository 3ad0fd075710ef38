"""The format of the topic ``<group>.journal``: what is known of each tracked Post, to start again from.

The key is the Post ID as text. The value is small JSON that a person can read, ``by`` always second:
``{"v":1,"by":"3fa9c1d2","campaigns":["spring"],"seen_at":1763719740.1,"author":"anna",
"measured_at":1763719800.0,"values":{"favorites":12}}``. What is not known is left out. A null value is a
tombstone: the Post is not tracked any more; its header ``by`` says who wrote it.

``by`` is the *writer*: a worker's run. Who is given a partition first writes a claim, under the key
``claim``: from there on only what its writer wrote holds, until the next claim. A claim of a lower epoch than
the one before it does not count. So nothing that a worker sends late, after its partition was given to
another, is ever restored. Claims are compacted as Posts are; what was written before the oldest claim that is
left holds. ``turn`` tells a writer's own claims apart.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple, TypeAlias

import orjson

from worker.formats.ids import read_id_bytes
from worker.formats.own import LARGEST, is_campaign, is_moment, parse_own
from worker.formats.reasons import Reason, show, unreadable
from worker.model import Growing, PostId, SavedPost, Unreadable

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from worker.model import MetricName, Timestamp

JOURNAL_VERSION: Final = 1
"""Goes up when a reader of the version before would misread; a field it may ignore is no new version."""

CLAIM_KEY: Final = b"claim"

_MOST_OF_CLAIMS: Final = (LARGEST, 1 << 20, 1 << 31)
"""Turns, eras and generations are below these. An era is to be outbid by the next: none may be the last."""

_WRITER: Final = "by"
_HEAD: Final = b'{"v":1,"by":"'
_HEX: Final = 8
"""Characters of a writer's name."""

Headers: TypeAlias = "Sequence[tuple[str, bytes]]"


class Epoch(NamedTuple):
    """What orders claims. ``generation``: of the group of owners, when the partition was assigned.

    A group that brokers forgot begins at 1 again: then the ``era`` goes up.
    """

    era: int
    generation: int


class Claim(NamedTuple):
    """From here on only this writer's records hold. ``turn``: which of its claims of this partition it is."""

    by: str
    turn: int
    epoch: Epoch


class Retired(NamedTuple):
    """The Post is not tracked any more."""

    post_id: PostId


def encode_saved(post: SavedPost, by: str) -> tuple[bytes, bytes]:
    """Key and value of a tracked Post. ``by``: eight characters, the writer."""
    value: dict[str, object] = {
        "v": JOURNAL_VERSION,
        _WRITER: by,
        "campaigns": post.campaigns,
        "seen_at": post.seen_at,
    }
    words = {"author": post.author, "text": post.text, "account": post.account}
    value |= {name: word for name, word in words.items() if word is not None}
    if post.not_owned:
        value["not_owned"] = True
    if post.measured_at is not None:
        value["measured_at"] = post.measured_at
    if post.measured_28h_at is not None:
        value["measured_28h_at"] = post.measured_28h_at
    if post.gone:
        value["gone"] = True
    elif post.values:
        value["values"] = _numbers(post.values)
    for name, growing in (("base", post.base), ("kept", post.kept)):
        if growing is not None:
            value[name] = {"at": growing.at, "counts": _numbers(growing.counts)}
    return b"%d" % post.post_id, orjson.dumps(value)


def encode_retired(post_id: PostId, by: str) -> tuple[bytes, None, list[tuple[str, bytes]]]:
    """Key, value and headers that say: this Post is not tracked any more."""
    return b"%d" % post_id, None, [(_WRITER, by.encode())]


def encode_claim(claim: Claim, at: Timestamp) -> tuple[bytes, bytes]:
    """Key and value of a claim."""
    value = {"v": JOURNAL_VERSION, _WRITER: claim.by, "turn": claim.turn, **claim.epoch._asdict()}
    return CLAIM_KEY, orjson.dumps(value | {"claimed_at": at})


def writer_of(value: bytes | None, headers: Headers) -> str | None:
    """Who wrote a record, without reading the rest of it; ``None`` when it does not say."""
    if value is None:
        return next((by.decode(errors="replace") for name, by in headers if name == _WRITER), None)
    if not value.startswith(_HEAD):
        document = parse_own(value)
        by = document.get(_WRITER) if isinstance(document, dict) else None
        return by if isinstance(by, str) else None
    return value[len(_HEAD) : len(_HEAD) + _HEX].decode(errors="replace")


def decode(key: bytes | None, value: bytes | None) -> SavedPost | Retired | Claim | Unreadable:
    """What a record of the journal says. Never raises.

    ``Unreadable`` with ``journal_version`` means that a newer worker of the group wrote it: this worker must
    not go on without it.
    """
    if key == CLAIM_KEY:
        return _decode_claim(value)
    post_id = None if key is None else read_id_bytes(key)
    if post_id is None:
        return unreadable(Reason.JOURNAL_MALFORMED, f"key: {show(key)} is no Post ID as text.")
    if value is None:
        return Retired(post_id)
    document = parse_own(value)
    if not isinstance(document, dict) or document.get("v") != JOURNAL_VERSION:
        return _not_this_version(document)
    return _decode_post(post_id, document)


def _decode_claim(value: bytes | None) -> Claim | Unreadable:
    document = parse_own(value or b"null")
    if not isinstance(document, dict) or document.get("v") != JOURNAL_VERSION:
        return _not_this_version(document)
    by, numbers = document.get(_WRITER), [document.get(name) for name in ("turn", "era", "generation")]
    if type(by) is not str or not all(
        type(number) is int and -1 <= number < most
        for number, most in zip(numbers, _MOST_OF_CLAIMS, strict=True)
    ):
        return _malformed("by, turn, era, generation", [by, *numbers])
    turn, era, generation = numbers
    return Claim(by, turn, Epoch(era, generation))  # type: ignore[arg-type]  # looked at above


def _decode_post(post_id: PostId, document: dict[str, object]) -> SavedPost | Unreadable:
    get = document.get
    # Of those that are there, as most are not: this is on every Post's way at a restart.
    for name, value in document.items():
        if name in _FIELDS and not _FIELDS[name](value):
            return _malformed(name, value)
    for name in _NEEDED:
        if name not in document:
            return _malformed(name, None)
    campaigns, base, kept = get("campaigns"), get("base"), get("kept")
    return SavedPost(
        post_id,
        tuple(campaigns),  # type: ignore[arg-type]  # looked at above, as are all below
        get("seen_at"),  # type: ignore[arg-type]
        get("author"),  # type: ignore[arg-type]
        get("text"),  # type: ignore[arg-type]
        get("measured_at"),  # type: ignore[arg-type]
        get("gone") is True,
        get("values") or {},  # type: ignore[arg-type]
        get("measured_28h_at"),  # type: ignore[arg-type]
        None if base is None else Growing(base["at"], base["counts"]),  # type: ignore[index]
        None if kept is None else Growing(kept["at"], kept["counts"]),  # type: ignore[index]
        get("account"),  # type: ignore[arg-type]
        get("not_owned") is True,
    )


def _numbers(values: Mapping[MetricName, float]) -> dict[MetricName, float]:
    """Counts as whole numbers: shorter, and what a person expects."""
    return {name: int(value) if value == int(value) else value for name, value in values.items()}


def _is_count(value: object) -> bool:
    return type(value) in _NUMBER and -LARGEST < value < LARGEST  # type: ignore[operator]  # looked at before


def _are_names(value: object) -> bool:
    return type(value) is list and {*map(type, value)} <= _TEXT and all(map(is_campaign, value))


def _are_numbers_or_none(value: object) -> bool:
    return value is None or (type(value) is dict and all(map(_is_count, value.values())))


def _is_moment_or_none(value: object) -> bool:
    return value is None or is_moment(value)


def _is_text_or_none(value: object) -> bool:
    return value is None or type(value) is str


def _is_growing_or_none(value: object) -> bool:
    if value is None:
        return True
    if type(value) is not dict or not is_moment(value.get("at")):
        return False
    return value.get("counts") is not None and _are_numbers_or_none(value["counts"])


_NEEDED: Final = ("campaigns", "seen_at")
_TEXT: Final = frozenset({str})
_NUMBER: Final = frozenset({int, float})
_FIELDS: Final[Mapping[str, Callable[[object], bool]]] = {
    "campaigns": _are_names,
    "seen_at": is_moment,
    "author": _is_text_or_none,
    "text": _is_text_or_none,
    "measured_at": _is_moment_or_none,
    "values": _are_numbers_or_none,
    "measured_28h_at": _is_moment_or_none,
    "base": _is_growing_or_none,
    "kept": _is_growing_or_none,
    "account": _is_text_or_none,
}


def _malformed(name: str, value: object) -> Unreadable:
    return unreadable(Reason.JOURNAL_MALFORMED, f"{name}: {show(value)} is nothing that a worker writes.")


def _not_this_version(document: object) -> Unreadable:
    if isinstance(document, Unreadable):
        return unreadable(Reason.JOURNAL_MALFORMED, document.detail)
    version = document.get("v") if isinstance(document, dict) else None
    if type(version) is int and version > JOURNAL_VERSION:
        return unreadable(
            Reason.JOURNAL_VERSION,
            f"v: {show(version)}, and this worker reads up to {JOURNAL_VERSION}: a newer worker wrote it; "
            "bring this one up to date.",
        )
    return unreadable(Reason.JOURNAL_MALFORMED, f"v: {show(version)}; a journal record has v from 1 up.")
