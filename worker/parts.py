"""Makes the parts of a worker as the settings say. With the runtime, the only files that know all rooms."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from worker import __version__
from worker.board_metrics import board_metric
from worker.boards import BoardsLimits
from worker.catalogue import Endpoint
from worker.clock import rest
from worker.connections import KafkaConnections
from worker.destination import Destination
from worker.editions import Outlet
from worker.engagement import Limit, Slots
from worker.formats.record import RecordReader
from worker.intake import Forwarder, InputReader, SightingsReader, TopicNames
from worker.intake.recent import RecentPosts
from worker.journal import Journal, KeeperSettings
from worker.lasting_producer import LastingProducer
from worker.membership import Membership, prove_every
from worker.model import MetricName, Seconds
from worker.outlook.census import take_census
from worker.outlook.outlook import Outlook
from worker.partials_writer import PartialsWriter
from worker.planner import BoardGain, BoardGainSettings, TimingSettings
from worker.publish.http.app import create_app
from worker.publish.http.connections import Room
from worker.publish.http.server import HttpServer
from worker.publish.kafka import KafkaPublisher
from worker.publish.prometheus import PrometheusPublisher
from worker.publish.sending import Sending
from worker.reading import reading_rules
from worker.tracker import Tracker
from worker.watchlist import WatchlistLimits

if TYPE_CHECKING:
    from collections.abc import Callable

    from worker.engagement import Accounts, Handles
    from worker.intake import Inbox, Joining
    from worker.intake.commits import Commits
    from worker.merging import Merger
    from worker.model import Clock
    from worker.outlook.census import Census
    from worker.ownership import Ownership
    from worker.publish.http.live import LiveBoards
    from worker.publish.http.publisher import HttpPublisher
    from worker.publish.protocol import Publisher
    from worker.settings import Settings
    from worker.settings.sections import Kafka
    from worker.telemetry import Telemetry
    from worker.views import Views

_KAFKA_PUBLISH_TIMEOUT: Final = Seconds(5.0)
_WATCH_TIMEOUT: Final = 5.0


def make_tracker(settings: Settings, accounts: Accounts, telemetry: Telemetry) -> Tracker:
    """The Watchlist and its boards."""
    watchlist, boards = settings.watchlist, settings.boards
    return Tracker(
        [MetricName(metric) for metric in boards.metrics],
        WatchlistLimits(
            tracking_window=Seconds(watchlist.tracking_window),
            max_posts=watchlist.max_posts,
            max_campaigns=watchlist.max_campaigns,
            growth_window=Seconds(boards.growth_window),
        ),
        BoardsLimits(boards.top, boards.reserve),
        half_growth=Seconds(settings.planner.half_growth),
        telemetry=telemetry,
        accounts=accounts,
        rate_floor=boards.rate_min_impressions,
    )


def make_planner(
    settings: Settings, endpoint: Endpoint = Endpoint.TOTALS, *, owned: bool = False
) -> BoardGain:
    """The policy of what to ask next of an endpoint, of Posts that are ``owned`` by an account or not."""
    planner, metrics = settings.planner, [MetricName(metric) for metric in settings.boards.metrics]
    # Of a Post that is owned, each endpoint's planner knows the half of its boards only.
    halved = owned and any(board_metric(metric).endpoint is Endpoint.LAST_28H for metric in metrics)
    return BoardGain(
        metrics,
        BoardGainSettings(
            top=settings.boards.top,
            growth_window=Seconds(settings.boards.growth_window),
            half_growth=Seconds(planner.half_growth),
            tracking_window=Seconds(settings.watchlist.tracking_window),
            unasked_share=planner.unasked_share,
            max_unasked=Seconds(planner.max_unasked),
            retire_chance=0.0 if halved else planner.retire_chance,
            free_seats=planner.free_seats,
        ),
        make_timing(settings, endpoint),
        endpoint=endpoint,
        owned=owned,
    )


def make_timing(settings: Settings, endpoint: Endpoint) -> TimingSettings:
    """When Posts of an endpoint are due."""
    planner = settings.planner
    recent = endpoint is Endpoint.LAST_28H
    # A slot is open for half a headroom: with minutes between two, whoever waits for more Posts misses it.
    lingers = settings.engagement.requests_per_minute >= 1
    return TimingSettings(
        linger=Seconds(planner.linger if lingers else 0.0),
        min_interval=Seconds(planner.min_interval_28h if recent else planner.min_interval),
        interval_growth=planner.interval_growth,
        recheck_unavailable=Seconds(settings.watchlist.recheck_unavailable),
    )


def make_server(
    settings: Settings,
    views: Views,
    publisher: HttpPublisher,
    *,
    handles: Handles,
    outlook: Outlook,
    telemetry: Telemetry,
) -> HttpServer:
    """The HTTP server with all its routes."""
    app = create_app(
        publisher.boards,
        post=views.post,
        health=views.health,
        ready=views.ready,
        handles=handles.used,
        outlook=outlook.view,
        registry=telemetry.registry,
        version=__version__,
        metrics=[MetricName(metric) for metric in settings.boards.metrics],
        change_window=Seconds(settings.publish.change_window),
    )
    http = settings.publish.http
    return HttpServer(app, host=http.host, port=http.port, room=Room(http.max_connections, telemetry))


def make_outlook(
    settings: Settings,
    tracker: Tracker,
    planner: BoardGain,
    boards: LiveBoards,
    publishes: Callable[[], bool],
    *,
    clock: Clock,
    telemetry: Telemetry,
) -> Outlook:
    """What tells what twice and half of the contract would give. ``planner``: that of the app's totals."""

    def census() -> Census:
        tracked = {board.campaign: board.tracked_posts for board in boards.leaderboards()}
        return take_census(tracker.watchlist, tracked, planner.curve, settings, clock.now())

    return Outlook(
        census,
        publishes,
        contract=settings.engagement.requests_per_minute,
        every=Seconds(settings.planner.outlook_interval),
        within=Seconds(settings.planner.outlook_timeout),
        clock=clock,
        telemetry=telemetry,
    )


def make_outlets(
    settings: Settings,
    http: HttpPublisher,
    kafka: KafkaPublisher | None,
    *,
    clock: Clock,
    telemetry: Telemetry,
) -> list[Outlet]:
    """Every destination of leaderboards."""
    publish = settings.publish
    shared: list[Publisher] = [
        PrometheusPublisher(telemetry, publish.prometheus_ranks, publish.prometheus_series),
    ]
    if kafka is not None:
        shared.append(kafka)
    own = Outlet(http, clock, telemetry)
    return [own, *(Outlet(publisher, clock, telemetry, shared=True) for publisher in shared)]


def make_partials_writer(
    settings: Settings,
    merger: Merger,
    ownership: Ownership,
    producer: Any,  # noqa: ANN401 -- kafka-python is untyped
    *,
    clock: Clock,
    machine: Clock,
    telemetry: Telemetry,
) -> PartialsWriter:
    """What tells the other workers of our boards."""
    return PartialsWriter(
        merger,
        ownership,
        Sending(producer, TopicNames(settings.kafka.group).partials, _KAFKA_PUBLISH_TIMEOUT),
        destination=Destination("partials", machine, telemetry),
        interval=rest(settings.clock.pace, settings.publish.partials_interval),
        clock=clock,
        telemetry=telemetry,
    )


def make_kafka_publisher(settings: Settings, telemetry: Telemetry) -> KafkaPublisher | None:
    """The topic of leaderboards; ``None`` where the settings want none. It writes once it took over."""
    if not settings.publish.kafka:
        return None
    return KafkaPublisher(
        make_watch_connections(settings.kafka),
        TopicNames(settings.kafka.group).leaderboards,
        _KAFKA_PUBLISH_TIMEOUT,
        telemetry=telemetry,
        transactions=settings.publish.transactions,
    )


def make_producer(kafka: KafkaConnections, telemetry: Telemetry) -> LastingProducer:
    """The producer of everything but leaderboards; it waits for brokers."""
    return LastingProducer(kafka.producer, telemetry, reachable=kafka.reachable)


def make_input_reader(
    settings: Settings,
    consumer: Any,  # noqa: ANN401 -- kafka-python is untyped
    producer: Any,  # noqa: ANN401 -- kafka-python is untyped
    joining: Joining,
    *,
    failed: Callable[[BaseException], None],
    progressed: Callable[[], None],
    clock: Clock,
    machine: Clock,
    telemetry: Telemetry,
) -> InputReader:
    """What reads the input topics, by the machine's clock, and forwards."""
    kafka, intake = settings.kafka, settings.intake
    forwarder = Forwarder(
        producer,
        RecordReader(reading_rules(intake)),
        RecentPosts(intake.recent_posts, Seconds(intake.recent_window), clock),
        TopicNames(kafka.group),
        partitions=kafka.sightings_partitions,
        in_flight=kafka.in_flight_forwards,
        buffer_bytes=kafka.buffer_bytes,
        clock=clock,
        telemetry=telemetry,
    )
    return InputReader(
        consumer,
        forwarder,
        joining,
        session=Seconds(kafka.session_timeout),
        failed=failed,
        progressed=progressed,
        clock=machine,
        telemetry=telemetry,
    )


def make_sightings_reader(
    settings: Settings,
    consumer: Any,  # noqa: ANN401 -- kafka-python is untyped
    inbox: Inbox,
    commits: Commits,
    joining: Joining,
    *,
    membership: Membership,
    failed: Callable[[BaseException], None],
    progressed: Callable[[], None],
    machine: Clock,
    telemetry: Telemetry,
) -> SightingsReader:
    """What reads the ``sightings`` partitions that this worker owns, by the machine's clock."""
    session = Seconds(settings.kafka.session_timeout)
    return SightingsReader(
        consumer,
        inbox,
        commits,
        joining,
        partitions=settings.kafka.sightings_partitions,
        queue_posts=settings.watchlist.queue_posts,
        membership=membership,
        session=session,
        prove_every=prove_every(session),
        failed=failed,
        progressed=progressed,
        clock=machine,
        telemetry=telemetry,
        pace=settings.clock.pace,
    )


def make_journal(
    settings: Settings,
    tracker: Tracker,
    inbox: Inbox,
    membership: Membership,
    *,
    failed: Callable[[BaseException], None],
    progressed: Callable[[], None],
    clock: Clock,
    machine: Clock,
    telemetry: Telemetry,
) -> Journal:
    """What keeps the Watchlist in Kafka."""
    journal = settings.journal
    return Journal(
        tracker,
        inbox,
        TopicNames(settings.kafka.group),
        KeeperSettings(Seconds(journal.interval), Seconds(journal.linger), settings.watchlist.queue_posts),
        partitions=settings.kafka.sightings_partitions,
        in_flight=journal.in_flight,
        queue_posts=settings.watchlist.queue_posts,
        holds=membership.holds,
        failed=failed,
        progressed=progressed,
        clock=clock,
        machine=machine,
        telemetry=telemetry,
    )


def make_slots(settings: Settings, clock: Clock) -> Slots:
    """The contract's time as all workers share it."""
    engagement = settings.engagement
    return Slots(
        Limit.of(engagement.requests_per_minute),
        settings.kafka.sightings_partitions,
        Seconds(engagement.headroom),
        clock,
    )


def make_membership(settings: Settings, slots: Slots, clock: Clock) -> Membership:
    """What gives this worker its share of the slots. The brokers' session is timed by a machine's clock."""
    return Membership(
        slots,
        settings.clock.pace.passed(Seconds(settings.kafka.session_timeout)),
        clock,
        alone_goes_on=settings.engagement.ask_without_kafka,
    )


def make_watch_connections(kafka: Kafka) -> KafkaConnections:
    """Connections whose questions have a short bound: for asking whether brokers answer, and to publish."""
    timeout = min(kafka.request_timeout, _WATCH_TIMEOUT)
    return KafkaConnections(kafka.model_copy(update={"request_timeout": timeout}))
