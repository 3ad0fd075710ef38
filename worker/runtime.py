"""The worker: makes the parts, joins them, runs them, and stops them in order. The only file that wires."""

from __future__ import annotations

import asyncio
import contextlib
import platform
from typing import TYPE_CHECKING, Final

import stamina
import structlog

from worker import __version__
from worker.boards import BoardsLimits
from worker.clock import SystemClock
from worker.collector import calm_the_collector
from worker.connections import KafkaConnections
from worker.dispatch import Dispatcher
from worker.editions import Editions, Outlet
from worker.engagement import (
    AppOnlyAuth,
    Circuit,
    EngagementClient,
    FixedToken,
    HttpTransport,
    Quota,
    RetryPolicy,
)
from worker.formats.record import RecordReader
from worker.formats.rules import ReadingRules
from worker.intake import (
    Assigned,
    Batch,
    Event,
    Forwarder,
    Inbox,
    InputReader,
    Restored,
    Revoked,
    SightingsReader,
    TopicNames,
    ensure_topics,
)
from worker.intake.recent import RecentPosts
from worker.model import MetricName, Seconds
from worker.ownership import Ownership
from worker.planner import AgeDecay, AgeDecaySettings
from worker.progress import Progress
from worker.publish.http.app import create_app
from worker.publish.http.publisher import HttpPublisher
from worker.publish.http.server import HttpServer
from worker.publish.kafka import KafkaPublisher
from worker.publish.prometheus import PrometheusPublisher
from worker.tracker import Tracker, asked_metrics
from worker.views import Views
from worker.watchlist import WatchlistLimits

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Coroutine
    from typing import Any

    from worker.engagement import Credentials, Transport
    from worker.model import Clock
    from worker.publish.protocol import Publisher
    from worker.settings import Settings
    from worker.telemetry import Telemetry

_log = structlog.get_logger(__name__)

_RETIRE_EVERY: Final = 5.0
_WAIT_FOR_ROOM: Final = 0.5
_FINISH_TIMEOUT: Final = Seconds(2.0)
_THREAD_TIMEOUT: Final = Seconds(9.0)
_KAFKA_PUBLISH_TIMEOUT: Final = Seconds(5.0)


class Worker:
    """All parts of a running worker. Make it in the event loop that runs it."""

    def __init__(self, settings: Settings, telemetry: Telemetry, clock: Clock | None = None) -> None:
        self.settings = settings
        self.telemetry = telemetry
        self.clock = clock = clock or SystemClock()
        self.failure: asyncio.Future[BaseException] = asyncio.get_running_loop().create_future()
        self._loop = asyncio.get_running_loop()
        self._progress = Progress(Seconds(settings.run.stalled_after), clock, telemetry)
        self._names = TopicNames(settings.kafka.group)
        self._kafka = KafkaConnections(settings.kafka)
        self._inbox = Inbox()
        self._ownership = Ownership(settings.kafka.sightings_partitions)
        self.tracker = self._make_tracker()
        self._planner = self._make_planner()
        self._quota = Quota(settings.engagement.requests_per_minute, clock)
        self._circuit = Circuit(Seconds(settings.engagement.circuit_retry), clock, telemetry)
        self._client = self._make_client()
        self._dispatcher = self._make_dispatcher()
        self._http = HttpPublisher(max_streams=settings.publish.http.max_streams, telemetry=telemetry)
        self.server = self._make_server()
        telemetry.build.info({"version": __version__, "python": platform.python_version()})
        telemetry.tracked_limit.set(settings.watchlist.max_posts)

    # Running

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[Worker]:
        """The worker runs for as long as the block lasts, and is stopped in order after it.

        Raises:
            TopicsError: our topics cannot be used.
            KafkaError: no broker can be reached.
        """
        await asyncio.to_thread(self._ensure_topics)
        producer = await asyncio.to_thread(self._kafka.producer)
        input_reader = await asyncio.to_thread(self._make_input_reader, producer)
        sightings_reader = await asyncio.to_thread(self._make_sightings_reader)
        self._outlets = self._make_outlets(producer)
        editions = Editions(
            self.tracker,
            self._outlets,
            change_window=Seconds(self.settings.publish.change_window),
            clock=self.clock,
        )
        await asyncio.to_thread(self._meet_topics, producer)
        await self.server.start()
        calm_the_collector()
        kafka = self.settings.kafka
        _log.info(
            "started",
            version=__version__,
            page=self.server.url,
            brokers=kafka.bootstrap_servers,
            input=kafka.topic or kafka.topic_pattern,
            group=kafka.group,
            api=self.settings.engagement.url,
            requests_per_minute=self.settings.engagement.requests_per_minute,
        )
        sightings_reader.start(self._names.sightings)
        input_reader.start(kafka.topic, kafka.topic_pattern)
        asking = self._task(self._dispatcher.run(), "dispatcher")
        tasks = [
            asking,
            self._task(self._take_events(), "watchlist"),
            self._task(self._publish_editions(editions), "editions"),
            self._task(self._keep_house(), "house"),
            *(self._task(outlet.run(), "outlet") for outlet in self._outlets),
        ]
        try:
            yield self
        finally:
            _log.info("stopping")
            input_reader.ask_to_stop()
            sightings_reader.ask_to_stop()
            await _cancel(asking)
            cut_off = await self._dispatcher.drain(Seconds(self.settings.run.stop_timeout - _FINISH_TIMEOUT))
            await asyncio.gather(*(_cancel(task) for task in tasks))
            editions.publish()
            await asyncio.gather(*(outlet.finish(_FINISH_TIMEOUT) for outlet in self._outlets))
            await self.server.stop()
            await self._client.close()
            readers = (input_reader, sightings_reader)
            ended = await asyncio.gather(*(asyncio.to_thread(r.join, _THREAD_TIMEOUT) for r in readers))
            await asyncio.to_thread(producer.close, timeout=_FINISH_TIMEOUT)
            _log.info("stopped", requests_cut_off=cut_off, readers_ended=all(ended))

    def fail(self, error: BaseException) -> None:
        """Something ended that must not: the worker stops with this error. From any thread."""
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._set_failure, error)

    def _set_failure(self, error: BaseException) -> None:
        if not self.failure.done():
            self.failure.set_result(error)

    def _task(self, work: Coroutine[Any, Any, None], name: str) -> asyncio.Task[None]:
        task = asyncio.create_task(work, name=name)
        task.add_done_callback(self._look_at_end)
        return task

    def _look_at_end(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled():
            self._set_failure(task.exception() or RuntimeError(f"the loop {task.get_name()} ended"))

    # The loops

    async def _take_events(self) -> None:
        """What was read of ``sightings``, into the Watchlist."""
        progressed = self._progress.of("watchlist")
        while True:
            progressed()
            try:
                async with asyncio.timeout(1.0):
                    event = await self._inbox.get()
            except TimeoutError:
                continue
            await self._take(event)
            self._inbox.done(event)

    async def _take(self, event: Event) -> None:
        if isinstance(event, Batch):
            await self._take_batch(event)
        elif isinstance(event, Assigned):
            self._ownership.assigned(event.partitions)
        elif isinstance(event, Revoked):
            self._ownership.revoked(event.partitions)
            for partition in event.partitions:
                self.tracker.drop_partition(partition)
        elif isinstance(event, Restored):
            self._ownership.was_restored(event.partition)

    async def _take_batch(self, batch: Batch) -> None:
        items = batch.items
        while items and self._ownership.owns(batch.partition):
            taken = self.tracker.take(batch.partition, items, self.clock.now())
            items = items[taken:]
            self._dispatcher.nudge()
            if items:
                # Full, and none was measured yet: reading pauses behind this until an answer makes room.
                self._progress.made("watchlist")
                await asyncio.sleep(_WAIT_FOR_ROOM)
        # Other loops come to their turn also while a backlog is read.
        await asyncio.sleep(0)

    async def _publish_editions(self, editions: Editions) -> None:
        progressed = self._progress.of("publisher")
        while True:
            progressed()
            editions.publish()
            await asyncio.sleep(self.settings.publish.interval)

    async def _keep_house(self) -> None:
        while True:
            self.tracker.retire(self.clock.now())
            self.tracker.count()
            await asyncio.sleep(_RETIRE_EVERY)

    # The parts

    def _make_tracker(self) -> Tracker:
        watchlist, boards = self.settings.watchlist, self.settings.boards
        return Tracker(
            [MetricName(metric) for metric in boards.metrics],
            WatchlistLimits(
                tracking_window=Seconds(watchlist.tracking_window),
                max_posts=watchlist.max_posts,
                max_campaigns=watchlist.max_campaigns,
                growth_window=Seconds(boards.growth_window),
            ),
            BoardsLimits(boards.top, boards.reserve),
            half_growth=Seconds(self.settings.planner.half_growth),
            telemetry=self.telemetry,
        )

    def _make_planner(self) -> AgeDecay:
        planner = self.settings.planner
        return AgeDecay(
            AgeDecaySettings(
                linger=Seconds(planner.linger),
                min_interval=Seconds(planner.min_interval),
                interval_growth=planner.interval_growth,
                half_growth=Seconds(planner.half_growth),
                recheck_unavailable=Seconds(self.settings.watchlist.recheck_unavailable),
            )
        )

    def _make_client(self) -> EngagementClient:
        engagement = self.settings.engagement
        # Retries are counted in our own metrics and told in our own words.
        stamina.instrumentation.set_on_retry_hooks([])
        transport = HttpTransport(Seconds(engagement.timeout), engagement.in_flight)
        return EngagementClient(
            engagement.url,
            asked_metrics(self.tracker.boards.metrics),
            credentials=self._make_credentials(transport),
            transport=transport,
            quota=self._quota,
            circuit=self._circuit,
            retries=RetryPolicy(
                engagement.attempts, Seconds(engagement.retry_wait), Seconds(engagement.retry_wait_max)
            ),
            clock=self.clock,
            telemetry=self.telemetry,
        )

    def _make_credentials(self, transport: Transport) -> Credentials:
        engagement = self.settings.engagement
        if engagement.bearer_token is not None:
            return FixedToken(engagement.bearer_token.get_secret_value())
        if engagement.consumer_key is None or engagement.consumer_secret is None:
            raise ValueError(
                "neither a bearer token nor a consumer key and secret: the settings were not checked"
            )
        return AppOnlyAuth(
            engagement.token_url,
            engagement.consumer_key.get_secret_value(),
            engagement.consumer_secret.get_secret_value(),
            transport,
        )

    def _make_dispatcher(self) -> Dispatcher:
        return Dispatcher(
            self.tracker,
            self._planner,
            self._client,
            quota=self._quota,
            circuit=self._circuit,
            in_flight=self.settings.engagement.in_flight,
            progressed=self._progress.of("planner"),
            clock=self.clock,
            telemetry=self.telemetry,
        )

    def _make_server(self) -> HttpServer:
        views = Views(self.tracker, self._planner, self._ownership, self._circuit, self._progress)
        app = create_app(
            self._http.boards,
            post=views.post,
            health=views.health,
            ready=views.ready,
            registry=self.telemetry.registry,
            version=__version__,
        )
        http = self.settings.publish.http
        return HttpServer(app, host=http.host, port=http.port)

    def _make_outlets(self, producer: Any) -> list[Outlet]:  # noqa: ANN401 -- kafka-python is untyped
        publish = self.settings.publish
        publishers: list[Publisher] = [
            self._http,
            PrometheusPublisher(self.telemetry, publish.prometheus_ranks, publish.prometheus_series),
        ]
        if publish.kafka:
            publishers.append(KafkaPublisher(producer, self._names.leaderboards, _KAFKA_PUBLISH_TIMEOUT))
        return [Outlet(publisher, self.clock, self.telemetry) for publisher in publishers]

    def _make_input_reader(self, producer: Any) -> InputReader:  # noqa: ANN401
        kafka, intake = self.settings.kafka, self.settings.intake
        forwarder = Forwarder(
            producer,
            RecordReader(self._reading_rules()),
            RecentPosts(intake.recent_posts, Seconds(intake.recent_window), self.clock),
            self._names,
            partitions=kafka.sightings_partitions,
            in_flight=kafka.in_flight_forwards,
            clock=self.clock,
            telemetry=self.telemetry,
        )
        return InputReader(
            self._kafka.consumer(kafka.group, start=kafka.start),
            forwarder,
            failed=self.fail,
            progressed=self._progress.of("input"),
            clock=self.clock,
            telemetry=self.telemetry,
        )

    def _make_sightings_reader(self) -> SightingsReader:
        return SightingsReader(
            self._kafka.consumer(f"{self.settings.kafka.group}.owners", start="earliest"),
            self._inbox,
            queue_posts=self.settings.watchlist.queue_posts,
            failed=self.fail,
            progressed=self._progress.of("sightings"),
            clock=self.clock,
            telemetry=self.telemetry,
        )

    def _reading_rules(self) -> ReadingRules:
        intake = self.settings.intake
        return ReadingRules(
            retweets=intake.retweets,
            id_path=intake.id_path,
            campaigns_from=frozenset(intake.campaigns_from),
            tag_campaigns=intake.tag_campaigns,
            hashtag_campaigns=intake.hashtag_campaigns,
            topic_campaigns=intake.topic_campaigns,
            keep_author=intake.keep_author,
            keep_text=intake.keep_text,
            text_length=intake.text_length,
            max_bytes=intake.max_record_bytes,
        )

    def _meet_topics(self, producer: Any) -> None:  # noqa: ANN401
        """Have the producer know our topics before it is hurried: its first send to one waits for that."""
        for name in (self._names.sightings, self._names.dead_letters, self._names.leaderboards):
            producer.partitions_for(name)

    def _ensure_topics(self) -> None:
        admin = self._kafka.admin()
        try:
            ensure_topics(
                admin,
                self._names,
                sightings_partitions=self.settings.kafka.sightings_partitions,
                tracking_window=Seconds(self.settings.watchlist.tracking_window),
                replication_factor=self.settings.kafka.replication_factor,
            )
        finally:
            admin.close()


async def _cancel(task: asyncio.Task[None]) -> None:
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError, Exception):
        await task
