"""Starts everything on free ports, publishes Posts, waits, judges, and stops everything."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from kafka.errors import KafkaError
from rich.console import Console

from sandbox.server import SandboxSettings, running_sandbox
from sandbox.settings import BEARER_TOKEN
from worker.clients import BrokersError
from worker.connections import KafkaConnections
from worker.demo.posts import DemoPosts
from worker.demo.verdict import judge
from worker.embedded import EmbeddedBrokerError, embedded_broker
from worker.intake.topics import TopicsError
from worker.model import Seconds
from worker.publish.http.server import ListenError
from worker.runtime import Worker
from worker.settings import Settings, load
from worker.signals import stop_on_signals
from worker.telemetry import Telemetry
from worker.threads import in_thread

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sandbox.server import RunningSandbox
    from worker.model import Pace

_PACKAGED: Final = Path(__file__).with_name("demo.toml")
_IN_THE_TREE: Final = Path(__file__).parents[2] / "config" / "demo.toml"
_ITS_OWN: Final = "http://127.0.0.1"
"""Where the demo's sandbox will be; it takes a free port."""
_PARTITIONS: Final = 3
_GROWTH_MINUTES: Final = 1.0
_QUIET_SHARE: Final = 0.35
"""Of a demo with an end: without new Posts, so that all can be measured."""
_LONGEST_QUIET: Final = 10.0
_STEP: Final = 0.1


class DemoError(Exception):
    """The demo cannot run here; the text says what to do."""


@dataclass(frozen=True, slots=True)
class DemoOptions:
    """How the demo runs. ``seconds``: its length; ``None``: until Ctrl-C. ``port``: 0 takes a free one."""

    seconds: float | None
    port: int
    seed: int
    posts_per_second: float


def load_settings() -> Settings:
    """The settings of ``config/demo.toml`` with the environment laid over them.

    Raises:
        SettingsError: the environment has faults.
    """
    path = _PACKAGED if _PACKAGED.is_file() else _IN_THE_TREE
    return load(path, {"engagement": {"bearer_token": BEARER_TOKEN, "url": _ITS_OWN}})


async def run_demo(options: DemoOptions, settings: Settings, say: Callable[[str], None]) -> int:
    """Run it; returns the exit code: 0 when it was stopped, or found all right.

    Raises:
        DemoError: a part cannot run here.
    """
    stop = stop_on_signals()
    quota = settings.engagement.requests_per_minute
    world = SandboxSettings(
        seed=options.seed,
        requests_per_minute=quota,
        growth_minutes=_GROWTH_MINUTES,
        clock_speed=settings.clock.speed,
        clock_since=str(settings.clock.since or ""),
    )
    with _broker() as bootstrap:
        async with running_sandbox(world) as sandbox:
            fitted = _fit(settings, bootstrap, sandbox.url, options.port)
            return await _run(options, fitted, sandbox, stop, say)


@contextlib.contextmanager
def _broker() -> Iterator[str]:
    try:
        with embedded_broker() as broker:
            yield broker.bootstrap
    except EmbeddedBrokerError as error:
        raise DemoError(str(error)) from error


def _fit(settings: Settings, bootstrap: str, api: str, port: int) -> Settings:
    """The demo's settings with the addresses that were free this time."""
    http = settings.publish.http.model_copy(update={"port": port})
    return settings.model_copy(
        update={
            "kafka": settings.kafka.model_copy(update={"bootstrap_servers": [bootstrap]}),
            "engagement": settings.engagement.model_copy(update={"url": api}),
            "publish": settings.publish.model_copy(update={"http": http}),
        }
    )


async def _run(
    options: DemoOptions,
    settings: Settings,
    sandbox: RunningSandbox,
    stop: asyncio.Event,
    say: Callable[[str], None],
) -> int:
    kafka = KafkaConnections(settings.kafka)
    topic = settings.kafka.topic[0]
    await in_thread(_make_topic, kafka, topic)
    producer = await in_thread(kafka.producer)
    try:
        async with Worker(settings, Telemetry()).running() as worker:
            say(f"Live leaderboards: {worker.server.url}/")
            say(f"Kafka broker: {settings.kafka.bootstrap_servers[0]} (Posts go to topic {topic})")
            say("Posts are published, measured and ranked." + ("" if options.seconds else " Ctrl-C ends it."))
            pace = settings.clock.pace
            posts = DemoPosts(options.seed, options.posts_per_second / pace.speed, worker.clock.now())
            publishing = asyncio.create_task(_publish(posts, producer, topic, options.seconds, pace))
            if not await _lasted(options.seconds, stop, worker, publishing):
                publishing.cancel()
                await asyncio.gather(publishing, return_exceptions=True)
                return 0
            verdict = await judge(worker.tracker, sandbox.world, posts.post_ids)
    except (BrokersError, ListenError, TopicsError, KafkaError, OSError) as error:
        raise DemoError(str(error)) from error
    finally:
        with contextlib.suppress(KafkaError):
            await in_thread(producer.close, timeout=1)
    Console(highlight=False).print(verdict.table())
    for fault in verdict.faults[:10]:
        say(f"fault: {fault}")
    say("Verdict: all right." if not verdict.faults else "Verdict: wrong.")
    return 1 if verdict.faults else 0


def _make_topic(kafka: KafkaConnections, topic: str) -> None:
    admin = kafka.admin()
    try:
        admin.create_topics({topic: {"num_partitions": _PARTITIONS, "replication_factor": 1}})
        admin.wait_for_topics([topic])
    finally:
        admin.close()


async def _publish(
    posts: DemoPosts,
    producer: Any,  # noqa: ANN401 -- kafka-python is untyped
    topic: str,
    length: float | None,
    pace: Pace,
) -> None:
    """Produce Posts as they are published, until shortly before the end."""
    loop = asyncio.get_running_loop()
    started = loop.time()
    until = None if length is None else length - min(length * _QUIET_SHARE, _LONGEST_QUIET)
    while until is None or loop.time() - started < until:
        for key, value in posts.published(pace.passed(Seconds(loop.time() - started))):
            producer.send(topic, value, key=key)
        await asyncio.sleep(_STEP)
    await in_thread(producer.flush, timeout=5)


async def _lasted(
    seconds: float | None, stop: asyncio.Event, worker: Worker, publishing: asyncio.Task[None]
) -> bool:
    """Wait for the end: True when the time is over and all is published, False when it was stopped.

    Raises:
        DemoError: the worker or the publishing failed.
    """
    stopping = asyncio.create_task(worker.until(stop))
    ends = {stopping, publishing} if seconds is None else {stopping}
    await asyncio.wait(ends, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
    if stopping.done() and (error := stopping.result()) is not None:
        raise DemoError(f"the worker failed: {error!r}") from error
    stopping.cancel()
    if not stop.is_set():
        await publishing
    return not stop.is_set()
