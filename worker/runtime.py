"""The worker: joins the parts, runs them, and stops them in order, each step within a bound."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import platform
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import structlog
from kafka.errors import KafkaError

from worker import __version__, api, parts
from worker.api_watch import ApiWatch
from worker.clock import SystemClock
from worker.connections import KafkaConnections
from worker.dispatch import Dispatcher
from worker.editions import Editions, Outlet
from worker.engagement import Circuit, Handles, Quota
from worker.handles_topic import HandlesTopic
from worker.intake import BrokerWatch, Inbox, InputReader, SightingsReader, TopicNames, ensure_topics
from worker.interpreter import calm_the_collector, lengthen_turns
from worker.logs import LastKafkaError
from worker.model import Seconds
from worker.owner import Owner
from worker.ownership import Ownership
from worker.progress import Progress
from worker.publish.http.publisher import HttpPublisher
from worker.threads import in_thread
from worker.views import Views

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Coroutine

    from worker.model import Clock
    from worker.settings import Settings
    from worker.telemetry import Telemetry

_log = structlog.get_logger(__name__)

_COUNT_EVERY: Final = 1.0
_RETIRE_EVERY: Final = 5
"""Counts between two looks for Posts to retire."""
_FINISH_TIMEOUT: Final = Seconds(1.5)
_FLUSH_TIMEOUT: Final = 1.0
_AFTER_REQUESTS: Final = 3.0
"""Of ``run.stop_timeout``: what is left for publishing and letting go when requests in flight took long."""
_LAST_MOMENT: Final = 1.0
_AFTER_CLIENTS: Final = 0.5
"""Seconds that clients, which have the same bound, are given to say themselves what failed."""
_TELL_WAIT_AFTER: Final = 2.0
"""Seconds without a broker after which the log says what a start waits for."""


class BrokersError(Exception):
    """The brokers cannot be used. The text says which, and what the last trouble with them was."""


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
        self._accounts = api.make_accounts(settings.engagement.accounts_file)
        self.tracker = parts.make_tracker(settings, self._accounts, telemetry)
        self._journal = parts.make_journal(
            settings,
            self.tracker,
            self._inbox,
            failed=self.fail,
            progressed=self._progress.of("journal"),
            clock=clock,
            telemetry=telemetry,
        )
        self._planner = parts.make_planner(settings)
        self._quota = Quota(settings.engagement.requests_per_minute, clock)
        self._circuit = Circuit(Seconds(settings.engagement.circuit_retry), clock, telemetry)
        self._handles_topic = HandlesTopic(self._names.handles, self._learn_handle, self.fail)
        self._handles = Handles(
            settings.engagement.handles_per_month,
            settings.engagement.handles_warning,
            first_used=self._handles_topic.save,
            clock=clock,
            telemetry=telemetry,
        )
        self._asker = api.make_asker(
            settings.engagement,
            self._accounts,
            handles=self._handles,
            quota=self._quota,
            circuit=self._circuit,
            clock=clock,
            telemetry=telemetry,
        )
        self._dispatcher = self._make_dispatcher()
        watching = parts.make_watch_connections(settings.kafka)
        self._watch = BrokerWatch(
            watching.admin, settings.kafka.bootstrap_servers, failed=self.fail, telemetry=telemetry
        )
        self._api_watch = ApiWatch(settings.engagement.url, telemetry)
        self._http = HttpPublisher(max_streams=settings.publish.http.max_streams, telemetry=telemetry)
        views = Views(
            self.tracker,
            planner=self._planner,
            ownership=self._ownership,
            circuit=self._circuit,
            progress=self._progress,
            watch=self._watch,
            api=self._api_watch,
        )
        self.server = parts.make_server(settings, views, self._http, self._handles, telemetry)
        telemetry.build.info({"version": __version__, "python": platform.python_version()})
        telemetry.tracked_limit.set(settings.watchlist.max_posts)

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[Worker]:
        """The worker runs for as long as the block lasts, and is stopped in order after it.

        Raises:
            TopicsError: our topics cannot be used.
            BrokersError: no broker can be reached, or they refuse us.
            ListenError: the HTTP server cannot listen.
        """
        async with contextlib.AsyncExitStack() as stack:
            stack.push_async_callback(self._asker.close)
            producer, input_reader, sightings_reader = await self._connect(stack)
            outlets = parts.make_outlets(
                self.settings, self._http, producer, clock=self.clock, telemetry=self.telemetry
            )
            editions = Editions(
                self.tracker,
                outlets,
                change_window=Seconds(self.settings.publish.change_window),
                clock=self.clock,
            )
            await self.server.start()
            stack.push_async_callback(self.server.stop)
            calm_the_collector()
            lengthen_turns()
            self._tell_start()
            owner = self._make_owner(sightings_reader)
            sightings_reader.start(self._names.sightings)
            input_reader.start(*self._input_topics())
            self._watch.start()
            asking = self._task(self._dispatcher.run(), "dispatcher")
            tasks = [
                asking,
                self._task(owner.run(), "watchlist"),
                self._task(self._journal.run(), "journal"),
                self._task(self._publish_editions(editions), "editions"),
                self._task(self._keep_house(), "house"),
                self._task(self.server.wait(), "http"),
                *(self._task(outlet.run(), "outlet") for outlet in outlets),
            ]
            try:
                yield self
            finally:
                _log.info("stopping")
                threads = (input_reader, sightings_reader, self._watch, self._handles_topic, self._journal)
                for thread in threads[:-1]:
                    thread.ask_to_stop()
                within = self.settings.run.stop_timeout
                try:
                    async with asyncio.timeout(within + _LAST_MOMENT):
                        ended = [asyncio.create_task(in_thread(one.join, Seconds(within))) for one in threads]
                        await self._wind_down(asking, tasks, editions, outlets)
                        sightings_reader.handed_over()
                        _log.info("stopped", threads_ended=all(await asyncio.gather(*ended)))
                except TimeoutError:
                    _log.warning("stop_unfinished", within=within)

    async def until(self, stop: asyncio.Event) -> BaseException | None:
        """Wait for the event, or for a failure; returns the failure."""
        stopping = asyncio.create_task(stop.wait())
        await asyncio.wait((stopping, self.failure), return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()
        return self.failure.result() if self.failure.done() else None

    def fail(self, error: BaseException) -> None:
        """Something ended that must not: the worker stops with this error. From any thread."""
        with contextlib.suppress(RuntimeError):  # the loop is closed: it has stopped already
            self._loop.call_soon_threadsafe(self._set_failure, error)

    def _learn_handle(self, month: str, handle: str) -> None:
        """From the thread that reads the topic."""
        with contextlib.suppress(RuntimeError):  # the loop is closed
            self._loop.call_soon_threadsafe(self._handles.learn, month, handle)

    def _prove(self, at: Seconds) -> None:
        """We were in the group at this moment (monotonic): from the threads of the consumer."""

    def _set_failure(self, error: BaseException) -> None:
        if not self.failure.done():
            self.failure.set_result(error)

    # Starting

    async def _connect(self, stack: contextlib.AsyncExitStack) -> tuple[Any, InputReader, SightingsReader]:
        """Clients of brokers that answer, and our topics, within ``kafka.request_timeout``."""
        within = self.settings.kafka.request_timeout
        servers = ", ".join(self.settings.kafka.bootstrap_servers)
        with LastKafkaError() as last:
            telling = self._loop.call_later(
                _TELL_WAIT_AFTER,
                partial(_log.warning, "waiting_for_brokers", brokers=servers, at_most_s=within),
            )
            try:
                async with asyncio.timeout(within + _AFTER_CLIENTS):
                    await in_thread(self._ensure_topics)
                    producer = await self._client_of(self._kafka.producer, stack, _close_producer)
                    group, start = self.settings.kafka.group, self.settings.kafka.start
                    reading = await self._client_of(
                        lambda: self._kafka.consumer(group, start=start), stack, _close_consumer
                    )
                    owning = await self._client_of(
                        lambda: self._kafka.consumer(f"{group}.owners", start="earliest"),
                        stack,
                        _close_consumer,
                    )
                    await in_thread(self._meet_topics, producer)
                    restoring = await self._client_of(self._kafka.reader, stack, _close_consumer)
                    self._journal.start(restoring, producer)
                    stack.callback(self._journal.ask_to_stop)
                    if len(self._accounts):
                        reader = await self._client_of(self._kafka.reader, stack, _close_consumer)
                        self._handles_topic.start(reader, producer)
            except (KafkaError, TimeoutError) as error:
                why = last.error or (error if isinstance(error, KafkaError) else "no answer")
                raise BrokersError(
                    f"kafka.bootstrap_servers {servers} cannot be used (tried for {within:g} s): {why}"
                ) from error
            finally:
                telling.cancel()
        input_reader = parts.make_input_reader(
            self.settings,
            reading,
            producer,
            failed=self.fail,
            progressed=self._progress.of("input"),
            clock=self.clock,
            telemetry=self.telemetry,
        )
        sightings_reader = parts.make_sightings_reader(
            self.settings,
            owning,
            self._inbox,
            self._journal.commits,
            proved=self._prove,
            failed=self.fail,
            progressed=self._progress.of("sightings"),
            clock=self.clock,
            telemetry=self.telemetry,
        )
        return producer, input_reader, sightings_reader

    async def _client_of(
        self, connect: Callable[[], Any], stack: contextlib.AsyncExitStack, close: Callable[[Any], None]
    ) -> Any:  # noqa: ANN401 -- kafka-python is untyped
        client = await in_thread(connect)
        stack.push_async_callback(in_thread, close, client)
        return client

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

    def _meet_topics(self, producer: Any) -> None:  # noqa: ANN401 -- kafka-python is untyped
        """Have the producer know our topics before it is hurried: its first send to one waits for that."""
        for name in self._names.written():
            producer.partitions_for(name)

    def _input_topics(self) -> tuple[list[str], str | None]:
        pattern = self.settings.kafka.topic_pattern
        return self.settings.kafka.topic, None if pattern is None else self._names.others(pattern)

    def _tell_start(self) -> None:
        kafka, engagement = self.settings.kafka, self.settings.engagement
        _log.info(
            "started",
            version=__version__,
            page=self.server.url,
            brokers=kafka.bootstrap_servers,
            input=kafka.topic or kafka.topic_pattern,
            group=kafka.group,
            api=engagement.url,
            requests_per_minute=engagement.requests_per_minute,
        )

    def _task(self, work: Coroutine[Any, Any, None], name: str) -> asyncio.Task[None]:
        task = asyncio.create_task(work, name=name)
        task.add_done_callback(self._look_at_end)
        return task

    def _look_at_end(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled():
            self._set_failure(task.exception() or RuntimeError(f"the loop {task.get_name()} ended"))

    # Stopping

    async def _wind_down(
        self,
        asking: asyncio.Task[None],
        tasks: list[asyncio.Task[None]],
        editions: Editions,
        outlets: list[Outlet],
    ) -> None:
        """Finish requests in flight, publish what they brought, let go of the pages."""
        await _cancel(asking)
        patience = max(0.0, self.settings.run.stop_timeout - _AFTER_REQUESTS)
        if cut_off := await self._dispatcher.drain(Seconds(patience)):
            _log.warning("requests_cut_off", requests=cut_off)
        await asyncio.gather(*(_cancel(task) for task in tasks))
        if not self.failure.done():
            editions.publish()
        finishing = [outlet.finish(_FINISH_TIMEOUT) for outlet in outlets]
        await asyncio.gather(*finishing, self.server.stop(), self._hand_over())

    async def _hand_over(self) -> None:
        """Have the journal get all that is known, within a bound."""
        try:
            async with asyncio.timeout(_FINISH_TIMEOUT):
                await self._journal.hand_over_all()
        except TimeoutError:
            _log.warning("journal_unfinished", do="nothing is lost: what is not in it is read or asked again")
        self._journal.ask_to_stop()

    # The loops

    async def _publish_editions(self, editions: Editions) -> None:
        progressed = self._progress.of("publisher")
        while True:
            progressed()
            editions.publish()
            await asyncio.sleep(self.settings.publish.interval)

    async def _keep_house(self) -> None:
        for number in itertools.count():
            if number % _RETIRE_EVERY == 0:
                self.tracker.retire(self.clock.now())
            self.tracker.count()
            self._handles.tell()
            self._api_watch.look()
            await asyncio.sleep(_COUNT_EVERY)

    # The parts that are made of others

    def _make_dispatcher(self) -> Dispatcher:
        return Dispatcher(
            self.tracker,
            api.make_routes(
                self.tracker.watchlist,
                self._accounts,
                lambda endpoint: parts.make_planner(self.settings, endpoint),
                self.settings.planner.share_28h,
            ),
            self._asker,
            quota=self._quota,
            in_flight=self.settings.engagement.in_flight,
            progressed=self._progress.of("planner"),
            clock=self.clock,
            telemetry=self.telemetry,
        )

    def _make_owner(self, sightings_reader: SightingsReader) -> Owner:
        return Owner(
            self._inbox,
            self._ownership,
            self.tracker,
            self._journal,
            released=sightings_reader.release,
            news=self._dispatcher.nudge,
            progressed=self._progress.of("watchlist"),
            clock=self.clock,
        )


async def _cancel(task: asyncio.Task[None]) -> None:
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError, Exception):
        await task


def _close_producer(producer: Any) -> None:  # noqa: ANN401 -- kafka-python is untyped
    # What it still holds when that fails is not committed either, and is read again.
    with contextlib.suppress(KafkaError):
        producer.close(timeout=_FLUSH_TIMEOUT)


def _close_consumer(consumer: Any) -> None:  # noqa: ANN401 -- kafka-python is untyped
    """Of a reader that never began; one that did closes it itself, and then this does nothing."""
    with contextlib.suppress(KafkaError, RuntimeError):
        consumer.close(autocommit=False, timeout_ms=0)
