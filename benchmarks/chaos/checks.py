"""A quiet moment: no fault is in force, and what must hold is looked at until it does, or too long."""

from __future__ import annotations

import time
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from benchmarks.chaos.accounts import Accounts, account
from benchmarks.chaos.looking import (
    Finder,
    Found,
    GoneError,
    Window,
    missing_campaigns,
    read_dead_letters,
    read_journal,
    topics_of,
)
from benchmarks.chaos.oracle import compare, may_compete, right_boards, truth, union, wrong_values
from benchmarks.chaos.trace import Topics

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from pathlib import Path

    from benchmarks.chaos.accounts import Produced
    from benchmarks.chaos.feed import Feed
    from benchmarks.chaos.fleet import Member
    from benchmarks.chaos.looking import Journal
    from benchmarks.chaos.oracle import Boards, Wrong
    from sandbox.world import World
    from tests.tools.tcp_proxy import TcpLink

READY_WITHIN: Final = 90.0
ACCOUNTED_WITHIN: Final = 90.0
MEASURED_WITHIN: Final = 60.0
ANSWERED_WITHIN: Final = 30.0
BOARDS_WITHIN: Final = 60.0
_BETWEEN_LOOKS: Final = 0.5
_SAME_LOOKS: Final = 3


@dataclass(slots=True)
class Findings:
    """What a quiet moment found. ``settled_in``: seconds until every ID was where it must be."""

    settled_in: float = 0.0
    tracked: int = 0
    accounts: Accounts = field(default_factory=Accounts)
    wrong: list[Wrong] = field(default_factory=list)
    wrong_values: list[str] = field(default_factory=list)
    boards: int = 0
    troubles: list[str] = field(default_factory=list)

    @property
    def are_good(self) -> bool:
        """Whether nothing is lost or wrong."""
        return self.accounts.are_right and not (self.wrong or self.wrong_values or self.troubles)


@dataclass(frozen=True, slots=True)
class Checker:
    """Looks at everything from outside. ``tick`` is called while it waits."""

    bootstrap: str
    group: str
    topic: str
    partitions: int
    metrics: Sequence[str]
    top: int
    world: World
    api: TcpLink
    feed: Feed
    members: Sequence[Member]
    tick: Callable[[], None]
    directory: Path

    def quiet_moment(self) -> Findings:
        """Wait until all is settled, compare, and let the stream go on.

        The stream rests while IDs are counted, and the API is cut off while boards are compared: so nothing
        changes under the comparison.
        """
        findings = Findings()
        began = time.monotonic()
        if not self._await(READY_WITHIN, lambda: not self.not_ready()):
            findings.troubles += self.not_ready()
            return findings
        if not self.feed.pause(READY_WITHIN):
            findings.troubles.append(f"records are not acknowledged within {READY_WITHIN:g} s")
        with ExitStack() as stack:
            windows = [
                stack.enter_context(closing(Window(member.current.name, member.url)))
                for member in self.members
                if member.current and member.url
            ]
            try:
                self._account(windows, findings)
                findings.settled_in = time.monotonic() - began
                self._trace(findings.accounts)
                self._await_measured(windows, findings)
                self.api.cut()
                self._compare(windows, findings)
                if findings.wrong:
                    self._topics().write_partials(self.directory / "partials.jsonl")
            except GoneError as gone:
                findings.troubles.append(str(gone))
            finally:
                self.api.restore()
                self.feed.resume()
        return findings

    def not_ready(self) -> list[str]:
        """What is wrong with the workers; nothing, once who shall run is ready, and all others have ended."""
        found = []
        for member in self.members:
            if not member.wanted:
                if member.current is not None:
                    found.append(f"{member.current.name} has not ended yet")
                continue
            if (url := member.url) is None or member.current is None:
                found.append(f"worker {member.number} does not run")
                continue
            with closing(Window(member.current.name, url)) as window:
                try:
                    status, text = window.get("/readyz")
                except GoneError as gone:
                    found.append(str(gone))
                else:
                    if status != 200:
                        found.append(f"{member.current.name} is not ready: {text}")
        return found

    def _account(self, windows: Sequence[Window], findings: Findings) -> None:
        """Find every ID."""
        produced = self.feed.produced()
        finder = Finder(windows, self.partitions)
        found: dict[int, Found] = {}

        def look() -> bool:
            """Whether all is right; IDs that were found are not looked for again."""
            dead_letters = self._dead_letters(produced)
            journal = self._journal()
            for post_id in produced.tried:
                if post_id not in found and (one := finder.first(post_id)) is not None:
                    found[post_id] = one
            for post_id in produced.deleted | produced.leaving:
                if post_id in found and finder.first(post_id) is None:
                    del found[post_id]
            trackers: dict[int, Sequence[str]] = {one: [of.worker] for one, of in found.items()}
            total = sum(window.metric("toptweets_tracked_posts") for window in windows)
            if total > len(found):
                trackers = {one: finder.all(one) for one in found}
            findings.tracked = len(found)
            findings.accounts = account(
                produced, trackers, dead_letters, None if journal is None else journal.retired
            )
            findings.troubles = [] if total == len(found) else [_uneven(total, len(found), windows)]
            findings.troubles += _unjournalled(found, journal)
            return findings.accounts.are_right and not findings.troubles

        self._await(ACCOUNTED_WITHIN, look)

    def _await_measured(self, windows: Sequence[Window], findings: Findings) -> None:
        """Wait until nothing is new any more: else there would be little to compare."""

        def waiting() -> float:
            return sum(window.metric("toptweets_tracked_posts", "new") for window in windows)

        if not self._await(MEASURED_WITHIN, lambda: not waiting()):
            findings.troubles.append(f"{waiting():g} Posts are not measured within {MEASURED_WITHIN:g} s")

    def _trace(self, accounts: Accounts) -> None:
        """Keep what the topics hold of the IDs that are not where they must be, while there are brokers."""
        astray = [*accounts.lost, *accounts.twice, *accounts.undead]
        if astray:
            self._topics().write_trace(self.directory / "astray.jsonl", astray)

    def _topics(self) -> Topics:
        return Topics(self.bootstrap, self.group, self.topic, self.partitions)

    def _compare(self, windows: Sequence[Window], findings: Findings) -> None:
        """Compare the boards of every worker with the truth."""
        told = [-1.0]

        def no_more_is_told() -> bool:
            told.append(
                sum(
                    window.metric("toptweets_ids_answered_total", outcome)
                    for window in windows
                    for outcome in ("measured", "unavailable")
                )
            )
            return len(told) > _SAME_LOOKS and len(set(told[-_SAME_LOOKS:])) == 1

        if not self._await(ANSWERED_WITHIN, no_more_is_told):
            findings.troubles.append(f"answers come {ANSWERED_WITHIN:g} s after the API was cut off")
        merged = f"{self.group}.partials" in topics_of(self.bootstrap)

        def look() -> bool:
            shown = {window.name: window.boards() for window in windows}
            together: Mapping[str, Boards] = shown
            if not merged:
                together = {"all workers": union(shown.values(), self.top)}
            found = self._competitors(windows, union(shown.values(), self.top))
            known = {post_id: one.known for post_id, one in found.items()}
            values = truth(self.world, known)
            campaigns = {post_id: one.campaigns for post_id, one in found.items()}
            right = right_boards(campaigns, known, values, self.metrics, self.top)
            findings.boards = len(right)
            findings.wrong = [
                wrong for where, boards in together.items() for wrong in compare(where, right, boards)
            ]
            findings.wrong_values = wrong_values(known, values, self.metrics)
            findings.wrong_values += missing_campaigns(found, self.feed.campaigns())
            return not (findings.wrong or findings.wrong_values)

        self._await(BOARDS_WITHIN, look)

    def _competitors(self, windows: Sequence[Window], shown: Boards) -> dict[int, Found]:
        """What is known of every Post that could be on a board."""
        finder = Finder(windows, self.partitions)
        able = may_compete(self.world, self.feed.tried_campaigns(), shown, self.top, round(time.time()))
        on_boards = {row.post_id for rows in shown.values() for row in rows}
        found = {post_id: finder.first(post_id) for post_id in {*able, *on_boards}}
        return {post_id: one for post_id, one in found.items() if one is not None}

    def _dead_letters(self, produced: Produced) -> set[bytes]:
        topic = f"{self.group}.dead-letters"
        return read_dead_letters(self.bootstrap, topic) if produced.unreadable else set()

    def _journal(self) -> Journal | None:
        topic = f"{self.group}.journal"
        return read_journal(self.bootstrap, topic) if topic in topics_of(self.bootstrap) else None

    def _await(self, within: float, holds: Callable[[], bool]) -> bool:
        deadline = time.monotonic() + within
        while True:
            self.tick()
            if holds():
                return True
            if time.monotonic() > deadline:
                return False
            time.sleep(_BETWEEN_LOOKS)  # between two looks at a condition that has a bound


def _uneven(total: float, found: int, windows: Iterable[Window]) -> str:
    own = {window.name: window.metric("toptweets_tracked_posts") for window in windows}
    return f"the workers count {total:g} tracked Posts ({own}), and {found} were found"


def _unjournalled(found: Iterable[int], journal: Journal | None) -> list[str]:
    if journal is None:
        return []
    missing = sorted(set(found) - journal.living)
    return [f"{len(missing)} tracked Posts are not in the journal: {missing[:20]}"] if missing else []
