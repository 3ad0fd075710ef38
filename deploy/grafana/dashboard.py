"""The Grafana dashboard as code: ``python deploy/grafana/dashboard.py`` writes the JSON that Grafana loads.

Usage: ``dashboard.py [FILE]``; without a file, the one in ``dashboards`` beside.
"""
# ruff: noqa: INP001 -- a script beside what it writes, not a package

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Final

from panels import (
    GREEN,
    ORANGE,
    RED,
    Json,
    Steps,
    laid_out,
    now,
    over_time,
    panel,
    query,
    source_variable,
    variable,
)

from worker.limits import LIMITS

_OUTPUT: Final = Path(__file__).parent / "dashboards" / "top-tweets.json"
_BOARD: Final = '{campaign="$campaign", metric="$metric"}'
_NO_SHARE: Final = "publish.prometheus_series"
"""Its gauge counts what is beyond the limit."""
_METRICS: Final = 'label_values(toptweets_board_score{campaign="$campaign"}, metric)'


def leaderboard() -> Json:
    """Ranks and values of the board that is chosen above."""
    return panel(
        "table",
        "Leaderboard: $campaign by $metric",
        "Value of the Post at each rank, as last published. Which Posts they are stands on the worker's live "
        "page: Post IDs are no labels.",
        query(f"max by (rank) (toptweets_board_score{_BOARD})", instant=True),
        unit="short",
        size=(8, 12),
        more={
            "options": {"showHeader": True, "cellHeight": "sm"},
            "transformations": [
                {
                    "id": "convertFieldType",
                    "options": {"conversions": [{"targetField": "rank", "destinationType": "number"}]},
                },
                {
                    "id": "organize",
                    "options": {
                        "excludeByName": {"Time": True},
                        "indexByName": {"rank": 0, "Value": 1},
                        "renameByName": {"rank": "Rank"},
                    },
                },
                {"id": "sortBy", "options": {"sort": [{"field": "Rank"}]}},
            ],
        },
    )


def boards() -> list[Json]:
    """What a campaign team looks at."""
    oldest = f"toptweets_board_oldest_measurement_timestamp_seconds{_BOARD}"
    return [
        leaderboard(),
        over_time(
            "Values by rank",
            "How the value at each rank of the board moves.",
            query(f"max by (rank) (toptweets_board_score{_BOARD})", "#{{rank}}"),
            unit="short",
            size=(16, 12),
        ),
        now(
            "Oldest value shown",
            "Age of the oldest measurement on this board.",
            f"time() - min({oldest})",
            unit="s",
            steps=((None, GREEN), (1800, ORANGE), (7200, RED)),
        ),
        now(
            "Posts that compete",
            "Tracked Posts that could be on this board.",
            f"max(toptweets_board_tracked_posts{_BOARD})",
            unit="short",
        ),
        over_time(
            "How right the boards of $campaign are",
            "Share of the places of its full boards that the right Posts have, by the audit, and between "
            "what it is 19 times of 20. Nothing is shown while there is not enough data.",
            query('max by (bound) (toptweets_board_recall{campaign="$campaign"})', "{{bound}}"),
            query('max(toptweets_recall{bound="recall"})', "all boards"),
            unit="percentunit",
            size=(8, 8),
        ),
        over_time(
            "Freshness of every metric of $campaign",
            "Age of the oldest measurement on each board of the campaign.",
            query(
                "time() - min by (metric) "
                '(toptweets_board_oldest_measurement_timestamp_seconds{campaign="$campaign"})',
                "{{metric}}",
            ),
            unit="s",
            size=(16, 8),
        ),
    ]


def budget() -> list[Json]:
    """Where the requests go."""
    return [
        over_time(
            "Budget",
            "Requests a minute held against the quota, of all workers, and what they are allowed together.",
            query("sum(toptweets_quota_used_requests)", "used"),
            query("sum(toptweets_quota_requests_per_minute)", "allowed"),
            unit="reqpm",
        ),
        over_time(
            "Requests by status",
            "Requests to the Engagement API a minute, by what came back.",
            query("sum by (status) (rate(toptweets_requests_total[$__rate_interval])) * 60", "{{status}}"),
            unit="reqpm",
            stacked=True,
        ),
        over_time(
            "Request time",
            "From sending a request to its whole answer.",
            *(
                query(
                    f"histogram_quantile({share}, "
                    "sum by (le) (rate(toptweets_request_seconds_bucket[$__rate_interval])))",
                    name,
                )
                for share, name in ((0.5, "median"), (0.99, "99th percentile"))
            ),
            unit="s",
        ),
        over_time(
            "Post IDs by outcome",
            "What became of the Post IDs asked for, each second.",
            query("sum by (outcome) (rate(toptweets_ids_answered_total[$__rate_interval]))", "{{outcome}}"),
            unit="cps",
            stacked=True,
        ),
        over_time(
            "Post IDs in a request",
            "Mean number of seats filled, by endpoint; a request has 250, and 25 for the last 28 hours.",
            query(
                "sum by (endpoint) (rate(toptweets_request_ids_sum[$__rate_interval])) "
                "/ sum by (endpoint) (rate(toptweets_request_ids_count[$__rate_interval]))",
                "{{endpoint}}",
            ),
            unit="short",
        ),
        over_time(
            "Wait for the budget",
            "How long a request that was ready waited until the budget let it go.",
            query(
                "histogram_quantile(0.99, "
                "sum by (le) (rate(toptweets_quota_wait_seconds_bucket[$__rate_interval])))",
                "99th percentile",
            ),
            unit="s",
        ),
        over_time(
            "Accounts asked for this month",
            "Accounts whose Posts were asked for with their own tokens; the contract bills the overage.",
            query("max(toptweets_handles_used)", "used"),
            query("max(toptweets_handles_limit)", "contract"),
            unit="short",
        ),
        over_time(
            "Refused accounts",
            "Accounts whose tokens the API refuses, and whose Posts are not measured; the alert names them.",
            query("sum(toptweets_account_refused) or vector(0)", "refused"),
            unit="short",
        ),
        over_time(
            "Right Posts by contract, simulated",
            "What so many times the contract would give, in a simulated world like this one; not measured.",
            query("max by (budget) (toptweets_outlook_recall)", "{{budget}} times"),
            unit="percentunit",
        ),
        over_time(
            "Error of shown counts by contract, simulated",
            "The median, with so many times the contract, in a simulated world like this one; not measured.",
            query("max by (budget) (toptweets_outlook_shown_error)", "{{budget}} times"),
            unit="percentunit",
        ),
    ]


def intake() -> list[Json]:
    """What comes in, and what is tracked."""
    return [
        over_time(
            "Records read",
            "Input records each second, by what they turned out to be.",
            query("sum by (outcome) (rate(toptweets_records_total[$__rate_interval]))", "{{outcome}}"),
            unit="cps",
            stacked=True,
        ),
        over_time(
            "Lag",
            "Records that wait in each topic.",
            query("sum by (topic) (toptweets_lag_records)", "{{topic}}"),
            unit="short",
        ),
        over_time(
            "Dead letters",
            "Records that could not be read, by reason, in each interval shown.",
            query("sum by (reason) (increase(toptweets_dead_letters_total[$__rate_interval]))", "{{reason}}"),
            unit="short",
            stacked=True,
        ),
        over_time(
            "Tracked Posts",
            "Posts in the Watchlist of all workers, by state, and the room there is.",
            query("sum by (state) (toptweets_tracked_posts)", "{{state}}"),
            query("sum(toptweets_tracked_posts_limit)", "limit"),
            unit="short",
        ),
        over_time(
            "Posts retired",
            "Posts that left the Watchlist, by reason, in each interval shown.",
            query(
                "sum by (reason) (increase(toptweets_posts_retired_total[$__rate_interval]))", "{{reason}}"
            ),
            unit="short",
            stacked=True,
        ),
        over_time(
            "Waiting for a request",
            "Posts due when the planner last looked, and sightings that wait for the Watchlist.",
            query("sum(toptweets_due_posts)", "due"),
            query("sum(toptweets_sightings_queue_posts)", "queued sightings"),
            unit="short",
        ),
        over_time(
            "Places in the groups",
            "Partitions that workers were assigned, and consumers that are outside of their group and join.",
            query("sum by (consumer) (toptweets_partitions_owned)", "partitions of {{consumer}}"),
            query("sum by (consumer) (1 - toptweets_consumer_joined)", "{{consumer}} joining"),
            unit="short",
        ),
    ]


def health() -> list[Json]:
    """Whether all is well: the first row, so that it is seen first."""
    good_below_minute: Steps = ((None, GREEN), (30, ORANGE), (60, RED))
    return [
        now(
            "Workers",
            "Workers that answer Prometheus.",
            'sum(up{job="top-tweets"})',
            unit="none",
            steps=((None, RED), (1, GREEN)),
        ),
        now(
            "Kafka",
            "Whether brokers answer every client of every worker.",
            "min(toptweets_kafka_up)",
            unit="none",
            mappings=(("0", "down", RED), ("1", "up", GREEN)),
        ),
        now(
            "Engagement API",
            "Whether the API takes our token.",
            "max(toptweets_api_circuit_open)",
            unit="none",
            mappings=(("0", "asked", GREEN), ("1", "token refused", RED)),
        ),
        now(
            "Slowest loop",
            "Time since the loop that waits longest made progress.",
            "max(time() - toptweets_loop_progress_timestamp_seconds)",
            unit="s",
            steps=good_below_minute,
        ),
        now(
            "Paused consumers",
            "Consumers paused for want of room in the Watchlist.",
            "sum(toptweets_consumer_paused)",
            unit="none",
            steps=((None, GREEN), (1, ORANGE)),
        ),
        now(
            "Failed publications",
            "Publications that failed in the last hour.",
            "sum(increase(toptweets_publish_errors_total[1h])) or vector(0)",
            unit="short",
            steps=((None, GREEN), (1, ORANGE)),
        ),
    ]


def publishing() -> list[Json]:
    """What goes out."""
    return [
        over_time(
            "Leaderboards published",
            "Publications a second, by destination.",
            query(
                "sum by (destination) (rate(toptweets_leaderboards_published_total[$__rate_interval]))",
                "{{destination}}",
            ),
            unit="cps",
        ),
        over_time(
            "Time since the last publication",
            "By destination. It grows while no leaderboard changes.",
            query(
                "time() - max by (destination) (toptweets_last_publication_timestamp_seconds)",
                "{{destination}}",
            ),
            unit="s",
        ),
        over_time(
            "Live pages and versions",
            "Live pages connected, and the workers of each version.",
            query("sum(toptweets_streams)", "live pages"),
            query("count by (version) (toptweets_build_info)", "workers {{version}}"),
            unit="short",
        ),
    ]


def state() -> list[Json]:
    """What outlives a worker, and how near each worker is to its limits."""
    return [
        over_time(
            "Journal",
            "Records written a second, by kind, and sends that failed: meanwhile nothing is committed.",
            query(
                "sum by (kind) (rate(toptweets_journal_records_written_total[$__rate_interval]))", "{{kind}}"
            ),
            query("sum(rate(toptweets_journal_errors_total[$__rate_interval]))", "failed"),
            unit="cps",
        ),
        over_time(
            "Restoring",
            "Records of the journal that a worker has yet to read of partitions it was given.",
            query("sum by (instance) (toptweets_restore_records_left)", "{{instance}}"),
            unit="short",
        ),
        over_time(
            "Share of each limit",
            "Of the worker that is nearest to it. docs/operations.md says what happens at 100 %.",
            *(
                query(
                    f"max(sum by (job, instance) ({gauge})"
                    f' / on (job, instance) toptweets_limit{{setting="{setting}"}})',
                    setting,
                )
                for setting, gauge in LIMITS.items()
                if setting != _NO_SHARE
            ),
            unit="percentunit",
        ),
    ]


def dashboard() -> Json:
    """The whole dashboard."""
    return {
        "uid": "top-tweets",
        "title": "Top Tweets",
        "description": "Leaderboards of social campaigns, how fresh they are, what keeping them so costs.",
        "tags": ["top-tweets"],
        "schemaVersion": 41,
        "editable": True,
        "graphTooltip": 1,
        "refresh": "10s",
        "time": {"from": "now-1h", "to": "now"},
        "timezone": "browser",
        "templating": {
            "list": [
                source_variable(),
                variable("campaign", "Campaign", "label_values(toptweets_board_score, campaign)"),
                variable("metric", "Metric", _METRICS),
            ]
        },
        "annotations": {"list": []},
        "links": [],
        "panels": laid_out(
            [
                ("Health", health()),
                ("Leaderboard", boards()),
                ("Budget", budget()),
                ("Intake and Watchlist", intake()),
                ("Publishing", publishing()),
                ("Journal and limits", state()),
            ]
        ),
    }


if __name__ == "__main__":
    target = Path(sys.argv[1]) if sys.argv[1:] else _OUTPUT
    target.write_text(json.dumps(dashboard(), indent=1) + "\n", encoding="utf-8")
