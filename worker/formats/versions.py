"""What is said of a document that is not of the version its reader knows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from worker.formats.reasons import show, unreadable
from worker.model import Unreadable

if TYPE_CHECKING:
    from worker.formats.reasons import Reason


def not_this_version(
    document: object, noun: str, known: int, *, newer: Reason, malformed: Reason
) -> Unreadable:
    """Why ``document``, which is not an object with ``v`` as ``known``, is no such ``noun``.

    ``newer`` where a newer worker of the group wrote it, which is no damage; ``malformed`` for all else.
    """
    if isinstance(document, Unreadable):
        return unreadable(malformed, document.detail)
    version = document.get("v") if isinstance(document, dict) else None
    if type(version) is int and version > known:
        return unreadable(
            newer,
            f"v: {show(version)}, and this worker reads up to {known}: a newer worker wrote it; "
            "bring this one up to date.",
        )
    return unreadable(malformed, f"v: {show(version)}; a {noun} is an object with v from 1 up.")
