"""Campaign names, hashtags, handles and texts, brought into the one form in which they are compared and kept.

Whatever comes in, what comes out can be encoded as UTF-8 and shown in a terminal or on a page.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Final

from worker.model import ALL, Campaign

_UNWANTED: Final = re.compile(
    "[\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f\u202a-\u202e\u2066-\u2069\ufeff\ud800-\udfff]"
)
_LONE_SURROGATE: Final = re.compile("[\ud800-\udfff]")
_JOINER: Final = "\u200d"
_SKIN_TONES: Final = range(0x1F3FB, 0x1F400)
_LONGEST_CLUSTER: Final = 32
_HANDLE_LENGTH: Final = 50


def campaign_name(name: str, length: int) -> Campaign | None:
    """The campaign of this name; ``None`` where nothing is left, or it is ``all``: every Post is in that.

     NFC, blanks trimmed and each run of them one space, control characters and text-direction overrides
    removed, at most ``length`` characters. A campaign's name given again comes out unchanged.
    """
    text = " ".join(unicodedata.normalize("NFC", _UNWANTED.sub("", name)).split())
    text = cut(text, length).rstrip()
    return Campaign(text) if text and text.casefold() != ALL else None


def fold_hashtag(tag: str) -> str:
    """A hashtag in the form in which two are compared: without its sign, NFKC, case folded."""
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", tag).casefold())
    return folded.strip().lstrip("#").strip()


def handle(raw: object) -> str | None:
    """An account's handle without the at sign; ``None`` where there is none."""
    if type(raw) is not str:
        return None
    return _UNWANTED.sub("", raw).strip().lstrip("@\uff20")[:_HANDLE_LENGTH].strip() or None


def post_text(raw: object, length: int) -> str | None:
    """A Post's text for showing: cut to a length, X's ``&amp;``, ``&lt;`` and ``&gt;`` resolved."""
    if type(raw) is not str or not raw:
        return None
    text = raw
    if "&" in text:
        text = text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
    if not text.isascii():
        text = _LONE_SURROGATE.sub("\ufffd", text)
    return cut(text, length)


def cut(text: str, length: int) -> str:
    """At most ``length`` characters, ending (where it can) outside accented letters and joined emoji."""
    if len(text) <= length:
        return text
    end = length
    while end > length - _LONGEST_CLUSTER and end > 0:
        if not _continues(text, end):
            return text[:end]
        end -= 1
    return text[:length]


def _continues(text: str, at: int) -> bool:
    """Whether the character there belongs to the one before it."""
    character = text[at]
    return (
        unicodedata.category(character).startswith("M")
        or character == _JOINER
        or text[at - 1] == _JOINER
        or ord(character) in _SKIN_TONES
    )
