"""Puts freshly made Post IDs of three campaigns on a topic, for the compose file's profile ``example``.

Usage: ``python produce.py BOOTSTRAP TOPIC``. Ends on SIGTERM or Ctrl-C.
"""
# ruff: noqa: INP001 -- a script, not a package

from __future__ import annotations

import random
import signal
import sys
import threading
import time
from contextlib import closing
from typing import Final

from kafka import KafkaProducer

from worker.model import Timestamp, first_post_id

_CAMPAIGNS: Final = ("spring-sale", "launch-day", "world-cup")
_POSTS_A_MINUTE: Final = 60


def main(bootstrap: str, topic: str) -> None:
    """Produce until told to stop; the Posts of a campaign come at random moments, as Posts do."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    chance = random.Random()  # noqa: S311 -- an example needs no secret randomness
    with closing(KafkaProducer(bootstrap_servers=bootstrap)) as producer:
        while not stop.wait(chance.expovariate(_POSTS_A_MINUTE / 60)):
            post_id = first_post_id(Timestamp(time.time())) + chance.randrange(1 << 22)
            producer.send(
                topic, value=str(post_id).encode(), headers=[("campaign", chance.choice(_CAMPAIGNS).encode())]
            )


if __name__ == "__main__":
    main(*sys.argv[1:])
