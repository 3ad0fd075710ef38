"""A live worker on real Kafka is fed records that are nearly right, and a stranger writes its own topics.

First the input topic: records of every shape, mutated, in batches of every compression. Each must be
counted as what the formats say that it is, each dead letter must be in its topic once with the reason and
where it was, all offsets committed, the worker healthy and within its memory. Then two workers with
leaderboards that are known to be right, while a stranger writes mutated records into all of their own topics:
they live, refuse what is no record of theirs, and show what is true; also after a restart.
The same seed gives the same records. Exit code 0 only if all held.

    python -m benchmarks.fuzz [--records 1000000] [--seed 1] [--quick]
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Final

from benchmarks.common import figure, sandbox
from benchmarks.fuzz.input_topic import InputFuzz
from benchmarks.fuzz.own_topics import OwnTopicsFuzz
from benchmarks.fuzz.watching import FuzzError
from tests.tools.brokers import running_broker

_MOST_SAID: Final = 4000


def main() -> int:
    """Run it; the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.fuzz",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--records", type=int, default=1_000_000, help="of the input topic")
    parser.add_argument("--own-records", type=int, default=5_000, help="of each of the workers' own topics")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--part", choices=("input", "own"), help="only this one")
    parser.add_argument("--quick", action="store_true", help="10,000 records: to see that it runs")
    given = parser.parse_args()
    records, own = (10_000, 500) if given.quick else (given.records, given.own_records)
    directory = Path(tempfile.mkdtemp(prefix="top-tweets-fuzz-"))
    troubles: list[str] = []
    try:
        with running_broker("apache") as broker, sandbox() as api:
            address = api.removeprefix("http://")
            if given.part != "own":
                troubles += InputFuzz(broker, address, directory, given.seed, figure).run(records)
            if given.part != "input":
                troubles += OwnTopicsFuzz(broker, directory, given.seed, figure).run(own)
    except (FuzzError, AssertionError) as error:
        troubles.append(str(error))
    for trouble in troubles:
        sys.stderr.write(f"FAILED: {trouble[:_MOST_SAID]}\n")
    if troubles:
        sys.stderr.write(f"logs: {directory}\n")
        return 1
    shutil.rmtree(directory)
    return 0


if __name__ == "__main__":
    sys.exit(main())
