"""What became of the Posts asked for: each of them is accounted for, exactly once."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from worker.model import Counts

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from worker.engagement.answers import Answer
    from worker.model import IntArray, PostId, Timestamp


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of the Posts asked for: each of them is in exactly one of the six.

    ``counts``: measured. ``unavailable``: gone, says the API. ``refused``: the app's token may not have them.
    ``forbidden``: they are not of the account whose token asked; ask for them as unowned, or with the token
    of their ``authors``. ``failed``: set aside, each with its reason, since every request with it failed.
    ``again``: nothing was learned of these. ``silent``: those of them that an answer left out.

    ``why``: what the requests for those in ``again`` came to nothing of, where a failure says it.
    ``authors``: IDs of authors that the API told. ``bodies``: the whole answers, when there were further
    groupings in the query.
    """

    at: Timestamp
    counts: Sequence[Counts] = ()
    unavailable: tuple[PostId, ...] = ()
    refused: tuple[PostId, ...] = ()
    forbidden: tuple[PostId, ...] = ()
    failed: Mapping[PostId, str] = field(default_factory=dict)
    again: tuple[PostId, ...] = ()
    silent: tuple[PostId, ...] = ()
    why: str | None = None
    authors: Mapping[PostId, str] = field(default_factory=dict)
    bodies: Sequence[Mapping[str, object]] = ()


class Tally:
    """Who of the Posts asked for is accounted for, and how."""

    def __init__(self, asked: Iterable[PostId]) -> None:
        self._open = dict.fromkeys(asked)
        self._counts: list[Counts] = []
        self._unavailable: list[PostId] = []
        self._refused: list[PostId] = []
        self._forbidden: list[PostId] = []
        self._failed: dict[PostId, str] = {}
        self._authors: dict[PostId, str] = {}
        self._bodies: list[Mapping[str, object]] = []
        self._silent: list[PostId] = []

    def answered(
        self,
        asked: Sequence[PostId],
        answer: Answer,
        values: IntArray,
        at: Timestamp,
        *,
        owned: bool,
    ) -> None:
        """An answer to a request for these came. ``values`` has a column for each metric of the query."""
        self._counts.append(Counts(at, answer.post_ids, values))
        for post_id in answer.post_ids.tolist():
            del self._open[post_id]
        self._unavailable.extend(self._settle(answer.unavailable))
        self.refuse(answer.refused, owned=owned)
        self._silent.extend(post_id for post_id in asked if post_id in self._open)

    def keep(self, body: Mapping[str, object]) -> None:
        """Keep the whole of an answer."""
        self._bodies.append(body)

    def refuse(self, post_ids: Iterable[PostId], *, owned: bool) -> None:
        """The API refuses these: to the account that asked, or to the app."""
        (self._forbidden if owned else self._refused).extend(self._settle(post_ids))

    def learn(self, authors: Mapping[PostId, str]) -> None:
        """The API told who wrote these."""
        self._authors |= authors

    def fail(self, post_id: PostId, reason: str) -> None:
        """Whatever request this Post is in fails."""
        for settled in self._settle([post_id]):
            self._failed[settled] = reason

    def outcome(self, at: Timestamp, why: str | None = None) -> Outcome:
        """The account. Who is in none of the lists is in ``again``, and ``why`` says why."""
        again = tuple(self._open)
        return Outcome(
            at,
            counts=self._counts,
            unavailable=tuple(self._unavailable),
            refused=tuple(self._refused),
            forbidden=tuple(self._forbidden),
            failed=self._failed,
            again=again,
            silent=tuple(post_id for post_id in self._silent if post_id in self._open),
            why=why if again else None,
            authors=self._authors,
            bodies=self._bodies,
        )

    def _settle(self, post_ids: Iterable[PostId]) -> list[PostId]:
        settled = [post_id for post_id in post_ids if post_id in self._open]
        for post_id in settled:
            del self._open[post_id]
        return settled
