"""Letters as text and as JSON. Whatever they hold, it cannot move a terminal's cursor or colour its text."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any, Final

from worker.dead_letters.advice import advice
from worker.moments import as_iso

if TYPE_CHECKING:
    from collections.abc import Iterator

    from worker.dead_letters.letter import Letter

HEAD: Final = f"{'when':20}  {'offset':>8}  {'replayed':8}  {'reason':14}  {'source':28}  detail | value"
_BEGIN_OF_VALUE: Final = 80
_BEGIN_OF_DETAIL: Final = 60


def line(letter: Letter, *, replayed: bool, width: int | None = None) -> str:
    """One line on a letter, cut to a width."""
    value = "null" if letter.value is None else plain(letter.value[:_BEGIN_OF_VALUE].decode(errors="replace"))
    detail = plain(letter.detail)
    if len(detail) > _BEGIN_OF_DETAIL:
        detail = f"{detail[:_BEGIN_OF_DETAIL]}…"
    said = "yes" if replayed else "no"
    why, source = plain(letter.reason), plain(letter.came_from)
    text = f"{as_iso(letter.at):20}  {letter.place:>8}  {said:8}  {why:14}  {source:28}  {detail} | {value}"
    return text if width is None or len(text) <= width else f"{text[: width - 1]}…"


def whole(letter: Letter, *, replayed: bool) -> Iterator[str]:
    """All of a letter, line by line."""
    yield f"dead letter {letter.place}"
    yield f"  when     {as_iso(letter.at)}"
    yield f"  reason   {plain(letter.reason)}: {plain(letter.detail)}"
    yield f"  mend     {advice(letter.reason)}"
    yield f"  source   {plain(letter.came_from)} (topic:partition:offset)"
    yield f"  replayed {'yes' if replayed else 'no'}"
    if letter.obstacle is not None:
        yield f"  replay   cannot be: {letter.obstacle}"
    yield f"  key      {_content(letter.key)}"
    for name, content in letter.headers:
        yield f"  header   {plain(name)}: {_content(content)}"
    yield f"  value    {_content(letter.value)}"


def as_json(letter: Letter, *, replayed: bool, all_of_it: bool) -> str:
    """A letter as a JSON object on one line: with all of it, or with the start of the value alone."""
    source = letter.source
    document: dict[str, Any] = {
        "at": as_iso(letter.at),
        "partition": letter.partition,
        "offset": letter.offset,
        "reason": letter.reason,
        "detail": letter.detail,
        "source": None
        if source is None
        else {"topic": source.topic, "partition": source.partition, "offset": source.offset},
        "cut": list(letter.cut),
        "replayed": replayed,
    }
    if all_of_it:
        document |= {
            "key": _document(letter.key),
            "value": _document(letter.value),
            "headers": [{"name": name, **(_document(content) or {})} for name, content in letter.headers],
            "mend": advice(letter.reason),
        }
    else:
        value = letter.value
        document["value_start"] = None if value is None else value[:_BEGIN_OF_VALUE].decode(errors="replace")
    # ASCII alone: what a terminal acts on is escaped.
    return json.dumps(document)


def plain(text: str) -> str:
    """A text on one line, in which what cannot be printed is written as an escape."""
    if text.isprintable():
        return text
    return "".join(one if one.isprintable() else ascii(one)[1:-1] for one in text)


def _content(content: bytes | None) -> str:
    if content is None:
        return "null"
    try:
        text = content.decode()
    except UnicodeDecodeError:
        return f"{base64.b64encode(content).decode()} (base64 of {len(content):,} bytes)"
    return f"{plain(text)} (text)"


def _document(content: bytes | None) -> dict[str, str] | None:
    if content is None:
        return None
    try:
        return {"text": content.decode()}
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(content).decode()}
