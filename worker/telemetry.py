"""Every Prometheus metric of the worker: its name, type and meaning, in one place.

Ages are exported as timestamps, so that a dashboard computes them as of its own query. No label is
unbounded: no Post ID, no error text. Board scores are exported by a collector (``publish/prometheus.py``)
from one immutable snapshot a scrape, so that no stale series stays; their names are declared here too.
"""

from __future__ import annotations

import platform
from typing import Final

from prometheus_client import (
    REGISTRY,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    Info,
    disable_created_metrics,
)

from worker import __version__

BOARD_SCORE: Final = "toptweets_board_score"
BOARD_SCORE_HELP: Final = "Value of the Post at a rank of a leaderboard"
BOARD_SCORE_LABELS: Final = ("campaign", "metric", "rank")
BOARD_OLDEST: Final = "toptweets_board_oldest_measurement_timestamp_seconds"
BOARD_OLDEST_HELP: Final = "Time of the oldest measurement shown on a leaderboard"
BOARD_TRACKED: Final = "toptweets_board_tracked_posts"
BOARD_TRACKED_HELP: Final = "Posts tracked of a leaderboard's campaign"
BOARD_RECALL: Final = "toptweets_board_recall"
BOARD_RECALL_HELP: Final = (
    "Share of the places of a campaign's full boards of counts that the right Posts have, by the audit: "
    "as expected (recall), and what it lies between (low, high) 19 times of 20; none without enough data"
)
BOARDS_RECALL: Final = "toptweets_recall"
BOARDS_RECALL_HELP: Final = "The same of all full boards together"
BOARD_LEFT_OUT: Final = "toptweets_board_series_left_out"
BOARD_LEFT_OUT_HELP: Final = "Board series not exported because of publish.prometheus_series"

# A second series for every counter, to say when it began: nobody asks for that.
disable_created_metrics()  # type: ignore[no-untyped-call]

_LATENCY_BUCKETS: Final = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20)
_WAIT_BUCKETS: Final = (0.001, 0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1200)
_SEAT_BUCKETS: Final = (1, 5, 10, 25, 50, 100, 150, 200, 225, 250)


class Telemetry:
    """The worker's metrics, on one registry. A test gives its own registry; the process has one."""

    def __init__(self, registry: CollectorRegistry = REGISTRY) -> None:
        self.registry = registry
        self._declare_intake(registry)
        self._declare_journal(registry)
        self._declare_watchlist(registry)
        self._declare_planner(registry)
        self._declare_engagement(registry)
        self._declare_publish(registry)
        self._declare_process(registry)

    def _declare_intake(self, registry: CollectorRegistry) -> None:
        self.records = Counter(
            "toptweets_records",
            "Records read from the input topics and sightings, by what they turned out to be",
            # Of input: sighting, repeated, tombstone, skipped, dead_letter. Of sightings: owned, refused.
            ["topic", "outcome"],
            registry=registry,
        )
        self.dead_letters = Counter(
            "toptweets_dead_letters",
            "Records sent to the dead-letter topic, by reason",
            ["reason"],
            registry=registry,
        )
        self.lag = Gauge(
            "toptweets_lag_records",
            "Records that wait in a partition behind the last one read",
            ["topic", "partition"],
            registry=registry,
        )
        self.forwards_in_flight = Gauge(
            "toptweets_forwards_in_flight",
            "Sightings and dead letters sent to Kafka and not yet acknowledged",
            registry=registry,
        )
        self.forwards_in_flight_bytes = Gauge(
            "toptweets_forwards_in_flight_bytes", "Bytes of the values of those", registry=registry
        )
        self.forward_errors = Counter(
            "toptweets_forward_errors",
            "Sends of sightings that failed and were sent again",
            registry=registry,
        )
        self.recent_posts = Gauge(
            "toptweets_recent_posts", "Posts remembered as forwarded lately", registry=registry
        )
        self.paused = Gauge(
            "toptweets_consumer_paused",
            "1 while a consumer is paused for want of room",
            ["consumer"],
            registry=registry,
        )
        self.joined = Gauge(
            "toptweets_consumer_joined",
            "1 while a consumer is a member of its group, also without partitions; 0 while it joins",
            ["consumer"],  # input, sightings
            registry=registry,
        )
        self.partitions_owned = Gauge(
            "toptweets_partitions_owned",
            "Partitions that a consumer was assigned by its group",
            ["consumer"],
            registry=registry,
        )
        self.kafka_up = Gauge(
            "toptweets_kafka_up", "1 while brokers answer, 0 while they do not", ["client"], registry=registry
        )
        self.producer_rebuilds = Counter(
            "toptweets_producer_rebuilds",
            "Producers that had died and were replaced",
            registry=registry,
        )
        self.queue_posts = Gauge(
            "toptweets_sightings_queue_posts", "Sightings read that wait for the Watchlist", registry=registry
        )

    def _declare_journal(self, registry: CollectorRegistry) -> None:
        self.journal_written = Counter(
            "toptweets_journal_records_written",
            "Records given to the journal, by kind",
            ["kind"],  # post, tombstone, claim
            registry=registry,
        )
        self.journal_errors = Counter(
            "toptweets_journal_errors",
            "Sends to the journal that failed and were sent again",
            registry=registry,
        )
        self.journal_in_flight = Gauge(
            "toptweets_journal_in_flight",
            "Records given to the journal and not yet acknowledged",
            registry=registry,
        )
        self.journal_read = Counter(
            "toptweets_journal_records_read", "Records of the journal read to restore", registry=registry
        )
        self.journal_refused = Counter(
            "toptweets_journal_records_refused",
            "Records of the journal that no worker can have written",
            registry=registry,
        )
        self.restoring_partitions = Gauge(
            "toptweets_restoring_partitions",
            "Partitions that are being restored from the journal",
            registry=registry,
        )
        self.restore_left = Gauge(
            "toptweets_restore_records_left",
            "Records of the journal to read before all is restored",
            registry=registry,
        )
        self.restore_seconds = Histogram(
            "toptweets_restore_seconds",
            "Time to restore a partition from the journal",
            buckets=(0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300),
            registry=registry,
        )

    def _declare_watchlist(self, registry: CollectorRegistry) -> None:
        self.tracked = Gauge(
            "toptweets_tracked_posts", "Posts in the Watchlist, by state", ["state"], registry=registry
        )  # new, measured, unavailable
        self.tracked_limit = Gauge(
            "toptweets_tracked_posts_limit", "Posts the Watchlist takes at most", registry=registry
        )
        self.retired = Counter(
            "toptweets_posts_retired",
            "Posts that left the Watchlist, by reason",
            ["reason"],
            registry=registry,
        )  # age, hopeless, evicted, tombstone, revoked
        self.campaigns = Gauge("toptweets_campaigns", "Campaigns known", registry=registry)
        self.campaigns_folded = Counter(
            "toptweets_campaigns_folded",
            "Sightings whose campaign was beyond watchlist.max_campaigns and counts for all only",
            registry=registry,
        )

    def _declare_planner(self, registry: CollectorRegistry) -> None:
        self.plan_seconds = Histogram(
            "toptweets_plan_seconds",
            "Time to plan one request",
            buckets=(0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1),
            registry=registry,
        )
        self.due = Gauge("toptweets_due_posts", "Posts due when the planner last looked", registry=registry)
        self.longest_unasked = Gauge(
            "toptweets_longest_unasked_seconds",
            "How long the tracked Post that waits longest was not asked for, or not yet",
            registry=registry,
        )
        self.outlook_recall = Gauge(
            "toptweets_outlook_recall",
            "Right Posts among those shown, simulated, with so many times the contract's requests",
            ["budget"],  # 0.25, 0.5, 1, 2, 4
            registry=registry,
        )
        self.outlook_shown_error = Gauge(
            "toptweets_outlook_shown_error",
            "Median error of shown counts as a share of the true ones, simulated, by times the contract",
            ["budget"],
            registry=registry,
        )
        self.outlook_made_at = Gauge(
            "toptweets_outlook_timestamp_seconds", "Time when those were simulated", registry=registry
        )

    def _declare_engagement(self, registry: CollectorRegistry) -> None:
        self.requests = Counter(
            "toptweets_requests",
            "Requests to the Engagement API, by status (a number, or timeout, connection, unreadable)",
            ["endpoint", "status"],
            registry=registry,
        )
        self.request_seconds = Histogram(
            "toptweets_request_seconds",
            "Time from sending a request to its whole answer",
            ["endpoint"],
            buckets=_LATENCY_BUCKETS,
            registry=registry,
        )
        self.request_ids = Histogram(
            "toptweets_request_ids",
            "Post IDs in a request",
            ["endpoint"],
            buckets=_SEAT_BUCKETS,
            registry=registry,
        )
        self.ids_asked = Counter("toptweets_ids_asked", "Post IDs asked for", registry=registry)
        self.ids_answered = Counter(
            "toptweets_ids_answered",
            "Post IDs asked for, by what became of them: the sum is the IDs asked less those in flight",
            ["outcome"],  # measured, unavailable, refused, forbidden, failed, asked_again
            registry=registry,
        )
        self.last_measurement = Gauge(
            "toptweets_last_measurement_timestamp_seconds",
            "Time of the last answer that measured a Post; until there is one, of the worker's start",
            registry=registry,
        )
        self.requests_in_flight = Gauge(
            "toptweets_requests_in_flight", "Requests to the Engagement API under way", registry=registry
        )
        self.ids_in_flight = Gauge(
            "toptweets_ids_in_flight", "Post IDs asked for and not answered", registry=registry
        )
        self.quota_limit = Gauge(
            "toptweets_quota_requests_per_minute",
            "Requests allowed a minute: this worker's share of the contract at the moment",
            registry=registry,
        )
        self.quota_used = Gauge(
            "toptweets_quota_used_requests",
            "Requests a minute that are used up: those held in the contract's rolling span",
            registry=registry,
        )
        self.quota_wait_seconds = Histogram(
            "toptweets_quota_wait_seconds",
            "Time a request waited for the quota",
            buckets=_WAIT_BUCKETS,
            registry=registry,
        )
        self.circuit_open = Gauge(
            "toptweets_api_circuit_open",
            "1 while the API refuses the token and is not asked",
            registry=registry,
        )
        self.account_refused = Gauge(
            "toptweets_account_refused",
            "1 while the API refuses the tokens of this account, on an endpoint or on all",
            ["account", "endpoint"],
            registry=registry,
        )
        self.handles_used = Gauge(
            "toptweets_handles_used",
            "Distinct accounts whose Posts were asked for with their own tokens, this month (UTC)",
            registry=registry,
        )
        self.handles_limit = Gauge(
            "toptweets_handles_limit", "Accounts a month that the contract has; 0: not set", registry=registry
        )

    def _declare_publish(self, registry: CollectorRegistry) -> None:
        self.publications = Counter(
            "toptweets_leaderboards_published",
            "Leaderboards published, by destination; partials: own boards told to the other workers",
            ["destination"],
            registry=registry,
        )
        self.publish_errors = Counter(
            "toptweets_publish_errors",
            "Publications that failed, by destination",
            ["destination"],
            registry=registry,
        )
        self.published_at = Gauge(
            "toptweets_last_publication_timestamp_seconds",
            "Time of the last publication, by destination",
            ["destination"],
            registry=registry,
        )
        self.publisher = Gauge(
            "toptweets_publisher",
            "1 on the one worker of a group that publishes to Kafka and exports the boards' series",
            registry=registry,
        )
        self.partials_due = Gauge(
            "toptweets_partials_due",
            "Boards of own partitions that the other workers are to be told of",
            registry=registry,
        )
        self.partials_refused = Counter(
            "toptweets_partials_refused",
            "Records of other workers' boards that cannot be read",
            registry=registry,
        )
        self.refills = Counter(
            "toptweets_board_refills", "Boards filled again from the Watchlist after falls", registry=registry
        )
        self.streams = Gauge("toptweets_streams", "Live pages connected", registry=registry)
        self.http_connections = Gauge(
            "toptweets_http_connections", "HTTP connections, live pages among them", registry=registry
        )
        self.http_refused = Counter(
            "toptweets_http_connections_refused",
            "HTTP connections refused because of publish.http.max_connections",
            registry=registry,
        )

    def _declare_process(self, registry: CollectorRegistry) -> None:
        self.loop_progressed = Gauge(
            "toptweets_loop_progress_timestamp_seconds",
            "Time a loop last made progress",
            ["loop"],
            registry=registry,
        )
        self.limits = Gauge(
            "toptweets_limit", "What a setting limits its gauge to", ["setting"], registry=registry
        )
        self.build = Info("toptweets_build", "The worker's version", registry=registry)
        self.build.info({"version": __version__, "python": platform.python_version()})
