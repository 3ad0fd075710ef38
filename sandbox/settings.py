"""What a sandbox can be told. Declared once: the command line and the documentation follow from it."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING, Final

from sandbox.clock import check_pace, fast, read_since

if TYPE_CHECKING:
    from collections.abc import Callable

# Development defaults, printed in docs/sandbox.md: they guard nothing.
CONSUMER_KEY: Final = "sandbox-key"
CONSUMER_SECRET: Final = "sandbox-secret"  # noqa: S105 - guards nothing
BEARER_TOKEN: Final = "sandbox-token"  # noqa: S105 - guards nothing

LEAST_RATE: Final = 0.001
MOST_ACCOUNTS: Final = 1000
MOST_KEPT: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class SandboxSettings:
    """How one sandbox behaves.

    | option                | unit          | meaning                                                        |
    |-----------------------|---------------|----------------------------------------------------------------|
    | `host`                | address       | where to listen; loopback unless told otherwise                |
    | `port`                | 0 to 65535    | 0 takes a free one                                             |
    | `seed`                | integer       | which world: other seeds give every Post other counts          |
    | `requests_per_minute` | requests      | the app's quota in any rolling minute; 0 is without limit;     |
    |                       |               | 2.5 is 2 in any 48 s, 0.25 is 1 in any 240 s                   |
    | `requests_per_second` | requests      | a second quota, in any rolling second; 0 is none               |
    | `growth_minutes`      | minutes       | the age at which an ordinary Post has half of its first wave   |
    | `accounts`            | 0 to 1000     | how many users let the app act for them                        |
    | `owned`               | share, 0 to 1 | of all Posts, those that are theirs                            |
    | `historical_from`     | date          | no window of historical may start before it                    |
    | `historical_days`     | days          | nor so many days back; 0 is without this limit                 |
    | `kept_requests`       | requests      | the newest of them that `GET /sandbox/requests` tells of       |
    | `clock_speed`         | 1 to 1000     | how many times as fast as `clock` time goes since then         |
    | `clock_since`         | moment        | since when: ISO 8601 or epoch seconds, at most a day ago       |
    | `consumer_key`        | text          | what `POST /oauth2/token` accepts as the name                  |
    | `consumer_secret`     | text          | what `POST /oauth2/token` accepts as the password              |
    | `bearer_token`        | text          | the first token; the next, after a revocation, is `<token>-1`  |
    | `clock`               | epoch seconds | where time comes from; a test brings its own                   |

    Raises:
        ValueError: a value is out of its range; says which and what would be right.
    """

    host: str = field(default="127.0.0.1", metadata={"help": "address to listen on"})
    port: int = field(default=0, metadata={"help": "port to listen on; 0 takes a free one"})
    seed: int = field(default=1, metadata={"help": "which world of counts"})
    requests_per_minute: float = field(
        default=120.0,
        metadata={"help": "quota in any rolling minute; 0 is without limit; 0.25 is 1 in any 240 s"},
    )
    growth_minutes: float = field(
        default=80.0, metadata={"help": "age at which an ordinary Post has half of its first wave"}
    )
    requests_per_second: int = field(
        default=0, metadata={"help": "quota in any rolling second besides; 0 is none"}
    )
    accounts: int = field(default=3, metadata={"help": "accounts that own Posts"})
    owned: float = field(default=0.5, metadata={"help": "share of all Posts that the accounts own"})
    historical_from: str = field(
        default="2014-09-01", metadata={"help": "date before which historical does not reach"}
    )
    historical_days: int = field(
        default=0, metadata={"help": "days that historical reaches back at most; 0 is without this limit"}
    )
    kept_requests: int = field(
        default=0, metadata={"help": "newest requests that GET /sandbox/requests tells of; 0 is none"}
    )
    clock_speed: float = field(
        default=1.0,
        metadata={"help": "how many times as fast as real time its time goes; needs --clock-since"},
    )
    clock_since: str = field(
        default="", metadata={"help": "moment that time goes faster from: ISO 8601 or seconds since 1970"}
    )
    consumer_key: str = CONSUMER_KEY
    consumer_secret: str = field(default=CONSUMER_SECRET, repr=False)
    bearer_token: str = field(default=BEARER_TOKEN, repr=False)
    clock: Callable[[], float] = field(default=time.time, repr=False)

    @property
    def since(self) -> float | None:
        """``clock_since`` in epoch seconds; ``None`` in real time."""
        return None if self.clock_speed == 1 else read_since(self.clock_since)

    @property
    def time(self) -> Callable[[], float]:
        """What tells the sandbox's time: ``clock`` as fast as it is to go."""
        return self.clock if self.since is None else fast(self.clock, self.clock_speed, self.since)

    def __post_init__(self) -> None:
        _check_rate(self.requests_per_minute)
        for name in ("requests_per_second", "historical_days"):
            if getattr(self, name) < 0:
                raise ValueError(f"{name} is {getattr(self, name)}; it must be 0 (no limit) or more")
        for name, most in (("port", 65_535), ("accounts", MOST_ACCOUNTS), ("kept_requests", MOST_KEPT)):
            if not 0 <= getattr(self, name) <= most:
                raise ValueError(f"{name} is {getattr(self, name)}; it must be from 0 to {most}")
        if not 0 <= self.owned <= 1:
            raise ValueError(f"owned is {self.owned}; a share is from 0 to 1")
        try:
            date.fromisoformat(self.historical_from)
        except ValueError:
            raise ValueError(f"historical_from is {self.historical_from}; it must be a date") from None
        if not 0 < self.growth_minutes < float("inf"):
            raise ValueError(f"growth_minutes is {self.growth_minutes}; it must be a number above 0")
        check_pace(self.clock_speed, self.clock_since, self.clock())
        for name in ("consumer_key", "consumer_secret", "bearer_token"):
            value = getattr(self, name)
            if not (value and value.isascii() and value.isprintable()) or " " in value:
                raise ValueError(f"{name} must be printable ASCII without spaces, and not empty")


def _check_rate(rate: float) -> None:
    if rate != 0 and not LEAST_RATE <= rate < float("inf"):
        raise ValueError(f"requests_per_minute is {rate:g}; it must be 0 (no limit), or {LEAST_RATE} or more")
