"""What was measured of the user's own topic, and whether the settings' contract suffices: told."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from worker.engagement import Limit
from worker.moments import as_iso
from worker.settings.types import write_duration
from worker.simulate.sought import simulated

if TYPE_CHECKING:
    from collections.abc import Iterator

    from worker.settings import Settings
    from worker.simulate.budget import Answer
    from worker.simulate.measured import Measured

_MINUTE: Final = 60.0
_HOUR: Final = 3600.0
_SHOWN: Final = 5


class Own(NamedTuple):
    """The user's own: the settings, and what was measured."""

    settings: Settings
    measured: Measured

    @property
    def usable(self) -> float:
        """Requests a minute that a worker sends under the settings' contract: headroom costs some."""
        engagement = self.settings.engagement
        limit = Limit.of(engagement.requests_per_minute)
        return limit.requests * _MINUTE / (limit.seconds + engagement.headroom)

    def measured_text(self) -> str:
        """What was measured, in some lines."""
        return "\n".join(_lines(self.measured, self.settings))

    def measured_json(self) -> dict[str, Any]:
        """The same for programs."""
        found = self.measured
        return {
            "from": as_iso(found.begins),
            "to": as_iso(found.ends),
            "records": found.records,
            "unreadable_records": found.unreadable,
            "posts": found.posts,
            "new_posts": found.new,
            "posts_looked_at": found.kept,
            "posts_per_day": found.posts_per_day,
            "posts_by_hour": _posts_by_hour(found),
            "campaigns": [{"campaign": name, "share": share} for name, share in found.campaigns.items()],
            "campaigns_folded": found.folded,
            "in_no_campaign": found.together(0, 0),
            "in_several_campaigns": found.together(2),
        }

    def verdict_text(self, answer: Answer) -> str:
        """Whether the settings' contract suffices, in a sentence."""
        engagement = self.settings.engagement
        judged = "suffices" if self._suffices(answer) else "does not suffice"
        return (
            f"engagement.requests_per_minute is {engagement.requests_per_minute:,.10g}, which {judged}: "
            f"with engagement.headroom, {self.usable:.3g} a minute are sent."
        )

    def verdict_json(self, answer: Answer) -> dict[str, Any]:
        """The same for programs."""
        return {
            "requests_per_minute": self.settings.engagement.requests_per_minute,
            "sent_per_minute": self.usable,
            "suffices": self._suffices(answer),
        }

    def _suffices(self, answer: Answer) -> bool:
        return self.usable >= answer.enough


def _posts_by_hour(found: Measured) -> list[float] | None:
    return [rate * found.posts_per_day / len(found.by_hour) for rate in found.by_hour] or None


def _lines(found: Measured, settings: Settings) -> Iterator[str]:
    span = write_duration(round(found.ends - found.begins))
    yield f"measured from {as_iso(found.begins)} to {as_iso(found.ends)} ({span}):"
    unreadable = f", of which {found.unreadable:,} cannot be read" if found.unreadable else ""
    yield f"  {found.records:,} records{unreadable}"
    sample = f"; estimated from {found.kept:.2%} of them" if found.kept < 1.0 else ""
    yield f"  {found.posts:,} Posts, of which {found.new:,} were created in that time{sample}"
    yield f"  {found.posts_per_day:,.0f} new Posts a day{_by_hour(found)}"
    if found.ends - found.begins < _HOUR:
        yield "  from less than an hour: how many come in a day is a guess, until more of the stream is there"
    yield f"  {_campaigns(found)}"
    unknown = [metric for metric in settings.boards.metrics if metric not in simulated(settings)]
    if unknown:
        yield f"  boards that are not simulated: {', '.join(unknown)}"


def _by_hour(found: Measured) -> str:
    if not found.by_hour:
        return ""
    most, fewest = max(found.by_hour), min(found.by_hour)
    mean = found.posts_per_day / len(found.by_hour)
    return (
        f", from {mean * fewest:,.0f} an hour (at {found.by_hour.index(fewest)} h UTC) "
        f"to {mean * most:,.0f} (at {found.by_hour.index(most)} h)"
    )


def _campaigns(found: Measured) -> str:
    sizes = found.campaigns
    if not sizes:
        return "no campaigns: every Post is in all alone"
    largest = ", ".join(f"{name} {share:.1%}" for name, share in list(sizes.items())[:_SHOWN])
    rest = f", … {min(sizes.values()):.1%}" if len(sizes) > _SHOWN else ""
    folded = f"; {found.folded:,} more beyond watchlist.max_campaigns" if found.folded else ""
    return (
        f"{len(sizes):,} campaign{'s' if len(sizes) > 1 else ''}: {largest}{rest}; "
        f"{found.together(2):.1%} of the Posts in several, {found.together(0, 0):.1%} in none{folded}"
    )
