"""Makes the parts of a worker as the settings say. With the runtime, the only files that know all rooms."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from worker import __version__
from worker.boards import BoardsLimits
from worker.catalogue import Endpoint
from worker.connections import KafkaConnections
from worker.editions import Outlet
from worker.formats.record import RecordReader
from worker.intake import Forwarder, InputReader, SightingsReader, TopicNames
from worker.intake.recent import RecentPosts
from worker.journal import Journal, KeeperSettings
from worker.model import MetricName, Seconds
from worker.planner import AgeDecay, AgeDecaySettings
from worker.publish.http.app import create_app
from worker.publish.http.server import HttpServer
from worker.publish.kafka import KafkaPublisher
from worker.publish.prometheus import PrometheusPublisher
from worker.reading import reading_rules
from worker.tracker import Tracker
from worker.watchlist import WatchlistLimits

if TYPE_CHECKING:
    from collections.abc import Callable

    from worker.engagement import Accounts, Handles
    from worker.intake import Inbox
    from worker.intake.commits import Commits
    from worker.model import Clock
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


def make_planner(settings: Settings, endpoint: Endpoint = Endpoint.TOTALS) -> AgeDecay:
    """The policy of what to ask next of an endpoint."""
    planner = settings.planner
    recent = endpoint is Endpoint.LAST_28H
    return AgeDecay(
        AgeDecaySettings(
            linger=Seconds(planner.linger),
            min_interval=Seconds(planner.min_interval_28h if recent else planner.min_interval),
            interval_growth=planner.interval_growth,
            half_growth=Seconds(planner.half_growth),
            recheck_unavailable=Seconds(settings.watchlist.recheck_unavailable),
        )
    )


def make_server(
    settings: Settings, views: Views, publisher: HttpPublisher, handles: Handles, telemetry: Telemetry
) -> HttpServer:
    """The HTTP server with all its routes."""
    app = create_app(
        publisher.boards,
        post=views.post,
        health=views.health,
        ready=views.ready,
        handles=handles.used,
        registry=telemetry.registry,
        version=__version__,
        metrics=[MetricName(metric) for metric in settings.boards.metrics],
        change_window=Seconds(settings.publish.change_window),
    )
    http = settings.publish.http
    return HttpServer(app, host=http.host, port=http.port)


def make_outlets(
    settings: Settings,
    http: HttpPublisher,
    producer: Any,  # noqa: ANN401 -- kafka-python is untyped
    *,
    clock: Clock,
    telemetry: Telemetry,
) -> list[Outlet]:
    """Every destination of leaderboards."""
    publish = settings.publish
    publishers: list[Publisher] = [
        http,
        PrometheusPublisher(telemetry, publish.prometheus_ranks, publish.prometheus_series),
    ]
    if publish.kafka:
        topic = TopicNames(settings.kafka.group).leaderboards
        publishers.append(KafkaPublisher(producer, topic, _KAFKA_PUBLISH_TIMEOUT))
    return [Outlet(publisher, clock, telemetry) for publisher in publishers]


def make_input_reader(
    settings: Settings,
    consumer: Any,  # noqa: ANN401 -- kafka-python is untyped
    producer: Any,  # noqa: ANN401 -- kafka-python is untyped
    *,
    failed: Callable[[BaseException], None],
    progressed: Callable[[], None],
    clock: Clock,
    telemetry: Telemetry,
) -> InputReader:
    """What reads the input topics and forwards."""
    kafka, intake = settings.kafka, settings.intake
    forwarder = Forwarder(
        producer,
        RecordReader(reading_rules(intake)),
        RecentPosts(intake.recent_posts, Seconds(intake.recent_window), clock),
        TopicNames(kafka.group),
        partitions=kafka.sightings_partitions,
        in_flight=kafka.in_flight_forwards,
        clock=clock,
        telemetry=telemetry,
    )
    return InputReader(
        consumer,
        forwarder,
        failed=failed,
        progressed=progressed,
        clock=clock,
        telemetry=telemetry,
    )


def make_sightings_reader(
    settings: Settings,
    consumer: Any,  # noqa: ANN401 -- kafka-python is untyped
    inbox: Inbox,
    commits: Commits,
    *,
    proved: Callable[[Seconds], None],
    failed: Callable[[BaseException], None],
    progressed: Callable[[], None],
    clock: Clock,
    telemetry: Telemetry,
) -> SightingsReader:
    """What reads the ``sightings`` partitions that this worker owns."""
    return SightingsReader(
        consumer,
        inbox,
        commits,
        partitions=settings.kafka.sightings_partitions,
        queue_posts=settings.watchlist.queue_posts,
        proved=proved,
        failed=failed,
        progressed=progressed,
        clock=clock,
        telemetry=telemetry,
    )


def make_journal(
    settings: Settings,
    tracker: Tracker,
    inbox: Inbox,
    *,
    failed: Callable[[BaseException], None],
    progressed: Callable[[], None],
    clock: Clock,
    telemetry: Telemetry,
) -> Journal:
    """What keeps the Watchlist in Kafka."""
    journal = settings.journal
    return Journal(
        tracker,
        inbox,
        TopicNames(settings.kafka.group),
        KeeperSettings(Seconds(journal.interval), Seconds(journal.linger), settings.watchlist.queue_posts),
        in_flight=journal.in_flight,
        queue_posts=settings.watchlist.queue_posts,
        failed=failed,
        progressed=progressed,
        clock=clock,
        telemetry=telemetry,
    )


def make_watch_connections(kafka: Kafka) -> KafkaConnections:
    """Connections whose questions have a short bound: for asking whether brokers answer at all."""
    timeout = min(kafka.request_timeout, _WATCH_TIMEOUT)
    return KafkaConnections(kafka.model_copy(update={"request_timeout": timeout}))
