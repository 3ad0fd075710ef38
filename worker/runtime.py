"""The worker: joins the parts, runs them, and stops them in order, each step within a bound."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Any, Final

import structlog

from worker import __version__, api, parts
from worker.api_watch import ApiWatch
from worker.audits import Audits
from worker.clients import connect
from worker.clock import SystemClock, at_pace, rest, sleeping, warn_of_pace
from worker.connections import KafkaConnections
from worker.dispatch import Dispatcher
from worker.engagement import Circuit, Handles, Quota
from worker.handles_topic import HandlesTopic
from worker.house import House
from worker.intake import BrokerWatch, Inbox, InputReader, Joining, SightingsReader, TopicNames
from worker.interpreter import calm_the_collector, lengthen_turns
from worker.limits import tell_limits
from worker.logs import KafkaErrors
from worker.model import Seconds
from worker.owner import Owner
from worker.ownership import Ownership
from worker.progress import Progress
from worker.publish.http.publisher import HttpPublisher
from worker.sharing import Sharing
from worker.threads import in_thread
from worker.views import Views
from worker.watchdog import Watchdog
from worker.watchlist import APP

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Coroutine, Sequence

    from worker.editions import Editions, Outlet
    from worker.model import Clock
    from worker.partials_writer import PartialsWriter
    from worker.settings import Settings
    from worker.telemetry import Telemetry

_log = structlog.get_logger(__name__)

_FINISH_TIMEOUT: Final = Seconds(1.5)
_AFTER_REQUESTS: Final = 3.0
"""Of ``run.stop_timeout``: what is left for publishing and letting go when requests in flight took long."""
_LAST_MOMENT: Final = 1.0


class Worker:
    """All parts of a running worker. Make it in the event loop that runs it.

    ``clock`` is what Posts, counts and the quota live by; ``machine`` is for brokers, sockets and loops.
    """

    def __init__(self, settings: Settings, telemetry: Telemetry, machine: Clock | None = None) -> None:
        self.settings = settings
        self.telemetry = telemetry
        self.machine = machine = machine or SystemClock()
        self._pace = settings.clock.pace
        self.clock = clock = at_pace(self._pace, machine)
        self.failure: asyncio.Future[BaseException] = asyncio.get_running_loop().create_future()
        self._loop = asyncio.get_running_loop()
        self._progress = Progress(Seconds(settings.run.stalled_after), machine, telemetry)
        self._names = TopicNames(settings.kafka.group)
        self._kafka = KafkaConnections(settings.kafka)
        session = Seconds(settings.kafka.session_timeout)
        self._joining_input = Joining("input", session, machine, telemetry)
        self._joining_owners = Joining("sightings", session, machine, telemetry)
        self._inbox = Inbox()
        self._ownership = Ownership(settings.kafka.sightings_partitions)
        self._accounts = api.make_accounts(settings.engagement.accounts_file)
        self.tracker = parts.make_tracker(settings, self._accounts, telemetry)
        slots = parts.make_slots(settings, clock)
        self._membership = parts.make_membership(settings, slots, clock)
        self._journal = parts.make_journal(
            settings,
            self.tracker,
            self._inbox,
            self._membership,
            failed=self.fail,
            progressed=self._progress.of("journal"),
            clock=clock,
            machine=machine,
            telemetry=telemetry,
        )
        self._planners = {
            lane: parts.make_planner(settings, lane.endpoint, owned=lane.account != APP)
            for lane in self.tracker.watchlist.owners.lanes()
        }
        self._sharing = Sharing(
            settings,
            self.tracker,
            self._ownership,
            Audits(self._planners.values()),
            failed=self.fail,
            clock=clock,
            machine=machine,
            telemetry=telemetry,
        )
        self._quota = Quota(slots.limit, clock, sleeping(self._pace), slots=slots)
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
            pace=self._pace,
        )
        self._dispatcher = self._make_dispatcher()
        watching = parts.make_watch_connections(settings.kafka)
        self._watch = BrokerWatch(
            watching.admin, settings.kafka.bootstrap_servers, failed=self.fail, telemetry=telemetry
        )
        self._kafka_errors = KafkaErrors()
        self._watchdog = Watchdog(self._progress, self._loop)
        self._api_watch = ApiWatch(settings.engagement.url, telemetry)
        self._house = House(
            self.tracker,
            self._handles,
            self._api_watch,
            self._watch,
            self._membership,
            kafka_errors=self._kafka_errors,
            memory_warning=settings.run.memory_warning,
            clock=clock,
        )
        self._http = HttpPublisher(max_streams=settings.publish.http.max_streams, telemetry=telemetry)
        views = Views(
            self.tracker,
            planners=self._planners,
            clock=clock,
            ownership=self._ownership,
            joining_input=self._joining_input,
            joining_owners=self._joining_owners,
            merger=self._sharing.merger,
            journal=self._journal,
            circuit=self._circuit,
            progress=self._progress,
            watch=self._watch,
            api=self._api_watch,
            pace=self._pace,
        )
        self._outlook = self._sharing.make_outlook(self._planners.values(), self._http.boards)
        self.server = parts.make_server(
            settings, views, self._http, handles=self._handles, outlook=self._outlook, telemetry=telemetry
        )
        telemetry.last_measurement.set(clock.now())
        tell_limits(settings, telemetry)

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
            stack.enter_context(self._kafka_errors)
            producer, input_reader, sightings_reader = await self._connect(stack)
            kafka = parts.make_kafka_publisher(self.settings, self.telemetry)
            outlets = parts.make_outlets(
                self.settings, self._http, kafka, clock=self.machine, telemetry=self.telemetry
            )
            editions = self._sharing.make_editions(outlets)
            partials = self._sharing.make_writer(producer)
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
                self._task(self._house.keep(), "house"),
                self._task(self._outlook.run(), "outlook"),
                self._task(self.server.wait(), "http"),
                self._task(partials.run(), "partials"),
                *(self._task(outlet.run(), "outlet") for outlet in outlets),
            ]
            self._watchdog.start()
            try:
                yield self
            finally:
                _log.info("stopping")
                threads = (
                    self._watchdog,
                    input_reader,
                    sightings_reader,
                    self._watch,
                    self._handles_topic,
                    self._sharing.topic,
                    self._journal,
                )
                for thread in threads[:-1]:
                    thread.ask_to_stop()
                within = self.settings.run.stop_timeout
                try:
                    async with asyncio.timeout(within + _LAST_MOMENT):
                        ended = [asyncio.create_task(in_thread(one.join, Seconds(within))) for one in threads]
                        await self._wind_down(asking, tasks, editions, [*outlets, partials])
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

    def _set_failure(self, error: BaseException) -> None:
        if not self.failure.done():
            self.failure.set_result(error)

    # Starting

    async def _connect(self, stack: contextlib.AsyncExitStack) -> tuple[Any, InputReader, SightingsReader]:
        clients = await connect(
            self.settings, self._kafka, stack, self.telemetry, handles=len(self._accounts) > 0
        )
        producer = clients.producer
        stack.push_async_callback(self._let_readers_end)
        self._journal.start(clients.restoring, producer)
        self._sharing.topic.start(clients.sharing)
        if clients.handles is not None:
            self._handles_topic.start(clients.handles, producer)
        input_reader = parts.make_input_reader(
            self.settings,
            clients.reading,
            producer,
            self._joining_input,
            failed=self.fail,
            progressed=self._progress.of("input"),
            clock=self.clock,
            machine=self.machine,
            telemetry=self.telemetry,
        )
        sightings_reader = parts.make_sightings_reader(
            self.settings,
            clients.owning,
            self._inbox,
            self._journal.commits,
            self._joining_owners,
            membership=self._membership,
            failed=self.fail,
            progressed=self._progress.of("sightings"),
            machine=self.machine,
            telemetry=self.telemetry,
        )
        return producer, input_reader, sightings_reader

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
        warn_of_pace(self._pace, self.clock)

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
        outlets: Sequence[Outlet | PartialsWriter],
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

    async def _let_readers_end(self) -> None:
        """What reads from the first moment on ends before its clients are closed, also when a start fails."""
        readers = (self._journal, self._sharing.topic, self._handles_topic)
        for reader in readers:
            reader.ask_to_stop()
        await asyncio.gather(*(in_thread(reader.join, Seconds(_LAST_MOMENT)) for reader in readers))

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
        pause = rest(self._pace, self.settings.publish.interval)
        while True:
            progressed()
            editions.publish()
            self._sharing.tend()
            await asyncio.sleep(pause)

    # The parts that are made of others

    def _make_dispatcher(self) -> Dispatcher:
        return Dispatcher(
            self.tracker,
            api.make_routes(
                self.tracker.watchlist,
                self._accounts,
                self._planners.__getitem__,
                self.settings.planner.share_28h,
            ),
            self._asker,
            quota=self._quota,
            in_flight=self.settings.engagement.in_flight,
            progressed=self._progress.of("planner"),
            clock=self.clock,
            telemetry=self.telemetry,
            pace=self._pace,
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
