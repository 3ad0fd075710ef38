"""Workers, brokers and the API fail at random, and nothing is lost, wrong, backward or over the limit.

Real Apache Kafka, three workers, a stream of Posts that never ends, the sandbox with a contract; every few
seconds something is killed, frozen, cut off or refused. At quiet moments every ID and every leaderboard is
checked from outside. The same seed gives the same faults. Exit code 0 only if all held; else it says what
did not, and where the logs are.

    python -m benchmarks.chaos --minutes 10 --seed 1 [--workers 3] [--brokers 3] [--json FILE] [--quick]
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path
from typing import Final

from benchmarks.chaos.report import judge
from benchmarks.chaos.run import Options, Story, run

INTERRUPTED: Final = 130


def main() -> int:
    """Run it; the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.chaos",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--minutes", type=float, default=10.0, help="of faults, without the quiet moments")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--workers", type=int, default=3)
    parser.add_argument("--brokers", type=int, default=3)
    parser.add_argument("--rate", type=float, default=40.0, help="records a second")
    parser.add_argument("--limit", type=int, default=600, help="requests a minute of the contract")
    parser.add_argument("--quiet-every", type=float, default=180.0, help="seconds of faults between checks")
    parser.add_argument("--json", type=Path, help="write figures and failures to this file too")
    parser.add_argument("--quick", action="store_true", help="one minute, to see that it runs")
    given = parser.parse_args()
    options = Options(
        1.0 if given.quick else given.minutes,
        given.seed,
        given.workers,
        given.brokers,
        given.rate,
        given.limit,
        given.quiet_every,
    )
    story = Story(options, Path(tempfile.mkdtemp(prefix="top-tweets-chaos-")))
    try:
        run(story)
    except BaseException as error:
        sys.stderr.write(f"logs: {story.directory}\n")
        if isinstance(error, KeyboardInterrupt):
            return INTERRUPTED
        raise
    return judge(story).close(story.directory, given.json)


if __name__ == "__main__":
    sys.exit(main())
