"""Why a Post was asked for, in words: what a worker tells of it over HTTP, for a reader."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import httpx
import orjson

if TYPE_CHECKING:
    from collections.abc import Sequence

    from worker.model import PostId

_TIMEOUT: Final = 10.0
_SHOWN: Final = 200
_REASONS: Final = {
    "not_asked": "It was not asked for since this worker tracks it.",
    "worth": "It was asked for since its answer was worth more to boards than those left out.",
    "waited": "It was asked for since no other Post had waited longer: a share of the seats is for those.",
    "drawn": "It was asked for since it was drawn at random, to find out how right boards are.",
    "due": "It was asked for since it was due, and there was room for all that were.",
    "free_seat": "It was not due, but a request left with seats to spare.",
}
_WHOLE: Final = 100.0
"""From here on what stands behind the point says nothing."""
_LEAST: Final = 0.01
"""A smaller number says no more than that it is nothing."""
_LEAST_SHARE: Final = 0.0001
_CLOSED: Final = 0.01
"""A board on which the Post has a smaller chance is not listed: there are many, and all say the same."""
_SHOWN_OF_NONE: Final = 3
"""Where it has a chance on none, those that come nearest: they make up what asking is worth."""


class NoAnswerError(Exception):
    """Nobody could tell. The text says what each worker said, and what to do."""


def ask(urls: Sequence[str], post_id: PostId) -> dict[str, Any]:
    """What the worker that tracks a Post tells of it.

    Raises:
        NoAnswerError: no worker tracks it, or none could be asked.
    """
    said = []
    with httpx.Client(timeout=_TIMEOUT, follow_redirects=True, trust_env=False) as client:
        for url in urls:
            try:
                answer = client.get(f"{url.rstrip('/')}/api/posts/{post_id}")
                told = orjson.loads(answer.content)
            except (httpx.InvalidURL, httpx.UnsupportedProtocol) as error:
                raise NoAnswerError(
                    f"--url: {url!r} is no address, such as http://127.0.0.1:8080: {error}"
                ) from error
            except (httpx.HTTPError, orjson.JSONDecodeError) as error:
                said.append(f"{url}: {type(error).__name__} {error}; is it a worker's publish.http address?")
                continue
            if answer.is_success and isinstance(told, dict):
                return told
            said.append(f"{url}: {_complaint(told, answer)}")
    raise NoAnswerError("\n".join(said))


def tell(post: dict[str, Any]) -> str:
    """The Post's story, a line a fact; times are UTC."""
    planning = post.get("planning")
    lines = [
        f"Post {post['post_id']}, {post['state']}, in {', '.join(post['campaigns'])}",
        f"seen {post['seen_at']}, measured {post['measured_at'] or 'never'}",
    ]
    if planning is None:
        return "\n".join([*lines, "The planner does not know it yet."])
    if post["due_at"]:
        lines.append(f"due {post['due_at']}")
    worth, last_seat = _number(planning["worth"]), planning["last_seat"]
    seats = (
        f"the last seat of a full request went for {_number(last_seat)}" if last_seat else "seats are free"
    )
    lines.append(_REASONS[planning["reason"]])
    if planning["asked_at"]:
        lines.append(f"That was {planning['asked_at']}; worth {_number(planning['asked_worth'])} then.")
    lines.append(f"Asking now is worth {worth} (places on boards times seconds); {seats}.")
    boards = sorted(planning["boards"], key=lambda board: -board["chance"])
    likely = [board for board in boards if board["chance"] >= _CLOSED] or boards[:_SHOWN_OF_NONE]
    lines += [_board(board) for board in likely]
    if len(boards) > len(likely):
        lines.append(f"Its chance on {len(boards) - len(likely)} more is below {_CLOSED:.0%}.")
    return "\n".join(lines)


def _board(board: dict[str, Any]) -> str:
    bar = "free places, as far as is known" if board["bar"] is None else f"the bar is {_number(board['bar'])}"
    has = "not measured"
    if board["value"] is not None:
        between = f"{_number(board['low'])} to {_number(board['high'])}"
        has = f"was {_number(board['value'])}, by now {_number(board['expected'])} ({between})"
    return (
        f"  {board['campaign']}/{board['metric']}: {has}; {bar}; belongs there by {_share(board['chance'])}"
    )


def _share(chance: float) -> str:
    if chance >= _CLOSED:
        return f"{chance:.0%}"
    return f"{chance:.2%}" if chance >= _LEAST_SHARE else f"less than {_LEAST_SHARE:.2%}"


def _number(value: float | None) -> str:
    if value is None:
        return "?"
    if abs(value) >= _WHOLE:
        return f"{value:,.0f}"
    return f"{value:.3g}" if abs(value) >= _LEAST else "0"


def _complaint(told: object, answer: httpx.Response) -> str:
    error = told.get("error") if isinstance(told, dict) else None
    message = error.get("message") if isinstance(error, dict) else None
    return str(message or f"HTTP {answer.status_code}")[:_SHOWN]
