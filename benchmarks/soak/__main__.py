"""Full load for a long time, with everything coming and going: what a worker takes must not grow.

Real Apache Kafka, the sandbox with a contract and a few faults. Posts and campaigns come and go: the tracking
window is a tenth of the run (one to five minutes), a new campaign begins every twentieth of it, as many at
once as ``watchlist.max_campaigns``, and ends with a delete notice for each of its Posts. Some records are
unreadable; pages connect and leave. In the first quarter three bursts of records fill all queues, and the
first of six outlooks is made, so that what a limit allows was taken once. Memory, descriptors and threads of
each worker are sampled every 5 s.
After that quarter a straight line through memory must not rise by more than 20 KiB a minute, beyond two
standard errors; of descriptors (without those of HTTP connections) and threads there must not be more than
three more in the last third of the rest than in its first. Exit code 1 if so, or if a worker ends. Of a run
of less than ten minutes memory's line is told, and not judged.

    python -m benchmarks.soak [--minutes 120] [--workers 1] [--rate 200] [--samples FILE] [--quick]
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Final

from benchmarks.soak.report import judge
from benchmarks.soak.run import Options, Story, run

INTERRUPTED: Final = 130


def main() -> int:
    """Run it; the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.soak",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--minutes", type=float, default=120.0)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--rate", type=float, default=200.0, help="records a second")
    parser.add_argument("--samples", type=Path, help="keep what was sampled, as JSON lines")
    parser.add_argument("--json", type=Path, help="write figures and failures to this file too")
    parser.add_argument(
        "--quick", action="store_true", help="one minute: to see that it runs; proves nothing"
    )
    given = parser.parse_args()
    options = Options(1.0 if given.quick else given.minutes, given.workers, given.rate)
    directory = Path(tempfile.mkdtemp(prefix="top-tweets-soak-"))
    story = Story()
    try:
        run(options, directory, story)
    except BaseException as error:
        sys.stderr.write(f"logs: {directory}\n")
        if isinstance(error, KeyboardInterrupt):
            return INTERRUPTED
        raise
    finally:
        _keep(story, given.samples or directory / "samples.jsonl")
    return judge(story, options).close(directory, given.json)


def _keep(story: Story, path: Path) -> None:
    """All samples, for whoever looks for the cause of a growth."""
    with path.open("w") as out:
        for worker, samples in story.samples.items():
            for number, one in enumerate(samples):
                held = {name: values[number] for name, values in story.held[worker].items()}
                out.write(json.dumps({"worker": worker, **asdict(one), **held}) + "\n")


if __name__ == "__main__":
    sys.exit(main())
