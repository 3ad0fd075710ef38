"""Every setting: its name, unit, default and bounds. ``config/worker.toml`` is written from this file."""

from __future__ import annotations

from pathlib import Path  # noqa: TC003 -- pydantic resolves the annotations at run time
from typing import Annotated, Final, Literal

from pydantic import Field, SecretStr

from worker.model import PUBLIC_METRICS, Pace, Timestamp
from worker.settings.planner import Planner
from worker.settings.section import Count, Section
from worker.settings.types import (
    Duration,
    Moment,
    Pairs,
    Size,
    Words,
)

ENV_PREFIX: Final = "TOPTWEETS_"
ENV_NESTING: Final = "__"
ENV_ACCOUNTS: Final = "TOPTWEETS_ACCOUNTS__"
"""What the tokens of accounts begin with: they are no settings of this file."""
ENV_CONFIG: Final = "TOPTWEETS_CONFIG"
"""Names the settings file; no setting itself."""

GROUP_PATTERN: Final = r"^[A-Za-z0-9._-]{1,200}$"


class KafkaSecurity(Section):
    """How to reach brokers that ask for TLS or a login; names and meanings are kafka-python's."""

    security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = Field(
        "PLAINTEXT", description="protocol spoken with the brokers"
    )
    ssl_cafile: Path | None = Field(
        None, description="file of the authorities that sign the brokers' certificates"
    )
    ssl_certfile: Path | None = Field(
        None, description="file of the client's certificate, where brokers ask for one"
    )
    ssl_keyfile: Path | None = Field(None, description="file of the client's private key")
    ssl_password: SecretStr | None = Field(None, description="password of the client's private key")
    ssl_crlfile: Path | None = Field(None, description="file of revoked certificates")
    ssl_ciphers: str | None = Field(None, description="ciphers allowed, in OpenSSL's notation")
    ssl_check_hostname: bool = Field(True, description="check that the certificate names the broker")
    sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "OAUTHBEARER", "GSSAPI"] | None = (
        Field(None, description="login mechanism, with a SASL protocol")
    )
    sasl_plain_username: str | None = Field(None, description="user name, for PLAIN and SCRAM")
    sasl_plain_password: SecretStr | None = Field(None, description="password, for PLAIN and SCRAM")
    sasl_kerberos_name: str | None = Field(None, description="Kerberos principal, for GSSAPI")
    sasl_kerberos_service_name: str = Field("kafka", description="Kerberos service, for GSSAPI")
    sasl_kerberos_domain_name: str | None = Field(None, description="Kerberos domain, for GSSAPI")
    oauth_token_url: str | None = Field(None, description="where tokens are fetched, for OAUTHBEARER")
    oauth_client_id: str | None = Field(None, description="client ID, for OAUTHBEARER")
    oauth_client_secret: SecretStr | None = Field(None, description="client secret, for OAUTHBEARER")
    oauth_scope: str | None = Field(None, description="scope asked for, for OAUTHBEARER")


class Kafka(Section):
    """The brokers, the input topics and the names of our own."""

    bootstrap_servers: Words = Field(["127.0.0.1:9092"], min_length=1, description="brokers, host:port")
    topic: Words = Field([], description="input topics; or give topic_pattern")
    topic_pattern: str | None = Field(
        None, min_length=1, description="regular expression of input topics, instead of topic"
    )
    group: str = Field(
        "top-tweets",
        pattern=GROUP_PATTERN,
        description="consumer group; our own topics begin with it",
    )
    start: Literal["earliest", "latest"] = Field(
        "earliest", description="where a group that never committed begins in the input topics"
    )
    sightings_partitions: Annotated[int, Field(ge=1, le=1000)] = Field(
        12, description="partitions of <group>.sightings: the most workers that can share the work"
    )
    replication_factor: Annotated[int, Field(ge=-1, le=32767)] = Field(
        -1, description="copies of our own topics; -1 is the brokers' default"
    )
    instance_id: str | None = Field(
        None,
        pattern=GROUP_PATTERN,
        description="this worker's own name in the group, kept over a restart: until session_timeout is "
        "over, its partitions wait for it; of two workers with one name Apache Kafka ends the first",
    )
    session_timeout: Duration = Field(
        45.0, ge=1, description="silence after which the group gives a worker's partitions away"
    )
    heartbeat_interval: Duration = Field(
        3.0, gt=0, description="time between heartbeats, at most a third of it"
    )
    request_timeout: Duration = Field(30.0, ge=1, description="the longest wait for a broker's answer")
    poll_records: Annotated[int, Field(ge=1, le=100_000)] = Field(
        2000, description="records a poll gives at most"
    )
    partition_fetch_bytes: Annotated[int, Field(ge=1024)] = Field(
        1_048_576, description="bytes fetched of one partition at once; lower is fairer between partitions"
    )
    fetch_wait: Duration = Field(
        0.25,
        ge=0,
        le=0.5,
        description="how long brokers wait for 64 KiB to come before they answer a fetch, so that a steady "
        "stream costs less; 50ms at least, or 0: every record as it comes",
    )
    in_flight_forwards: Annotated[int, Field(ge=100)] = Field(
        20_000, description="records sent and not acknowledged, at which the input is paused"
    )
    buffer_bytes: Annotated[Size, Field(ge=1_048_576)] = Field(
        67_108_864,
        description="bytes of their values at which the input is paused, such as 64MiB",
    )
    security: KafkaSecurity = Field(default_factory=KafkaSecurity, description="TLS and login")


CampaignSource = Literal["rule_tags", "hashtags", "fields", "header", "topic"]


class Intake(Section):
    """How records become Sightings."""

    campaigns_from: Annotated[list[CampaignSource], *Words.__metadata__] = Field(
        ["rule_tags", "fields", "header"],
        description="where campaigns come from: rule_tags, hashtags, fields, header, topic",
    )
    tag_campaigns: Pairs = Field({}, description="campaign of a rule tag; when empty, each tag is its own")
    hashtag_campaigns: Pairs = Field(
        {}, description="campaign of a hashtag; when empty, each hashtag is its own"
    )
    topic_campaigns: Pairs = Field({}, description="campaign of a topic; when empty, each topic is its own")
    retweets: Literal["original", "as_is", "skip"] = Field(
        "original", description="what a retweet counts for: the original Post, itself, or nothing"
    )
    id_path: str | None = Field(
        None, description="place of the Post ID in other JSON shapes, such as payload.post.id"
    )
    max_record_bytes: Count = Field(10_000_000, description="a longer record is a dead letter (bytes)")
    keep_author: bool = Field(True, description="keep the author's handle for the leaderboards")
    keep_text: bool = Field(True, description="keep the Post's text for the leaderboards")
    text_length: Count = Field(280, description="characters of text kept")
    recent_posts: Annotated[int, Field(ge=0)] = Field(
        500_000,
        description="Posts remembered as forwarded lately, so that a hot Post is forwarded once; 0: none",
    )
    recent_window: Duration = Field(3600.0, description="the longest time a forwarded Post is remembered")


class Watchlist(Section):
    """The Posts being tracked."""

    tracking_window: Duration = Field(
        172_800.0,
        ge=60,
        description="how long a Post is tracked, from its creation; "
        "an older one is measured once, and stays while it is on a board",
    )
    max_posts: Count = Field(1_000_000, description="Posts tracked at most")
    max_campaigns: Count = Field(200, description="campaigns at most; further ones fold into all")
    recheck_unavailable: Duration = Field(
        21_600.0, ge=60, description="time between looks at a Post that was deleted or protected"
    )
    queue_posts: Count = Field(
        20_000, description="sightings waiting for the Watchlist, at which reading pauses"
    )


class Journal(Section):
    """What is kept in Kafka of every tracked Post, so that a restart asks the API for nothing it knew."""

    interval: Duration = Field(
        30.0, ge=1, description="least time between two records of one Post's counts; a crash loses so much"
    )
    linger: Duration = Field(
        2.0, description="longest wait of a new Post, so that one record tells it with its first counts"
    )
    in_flight: Annotated[int, Field(ge=100)] = Field(
        10_000, description="records sent and not acknowledged, at which counts wait in the Watchlist"
    )


class Engagement(Section):
    """X's Engagement API and the contract for it."""

    url: str = Field(
        "https://data-api.twitter.com", pattern=r"^https?://[^\s]+$", description="base URL of the API"
    )
    token_url: str = Field(
        "https://api.twitter.com/oauth2/token",
        pattern=r"^https?://[^\s]+$",
        description="where a bearer token is fetched with the consumer key and secret",
    )
    bearer_token: SecretStr | None = Field(
        None, description="bearer token; or give consumer_key and consumer_secret"
    )
    consumer_key: SecretStr | None = Field(None, description="the app's consumer key")
    consumer_secret: SecretStr | None = Field(None, description="the app's consumer secret")
    accounts_file: Path | None = Field(
        None,
        description="TOML file of the accounts that gave permission: their Posts have private metrics too",
    )
    handles_per_month: Annotated[int, Field(ge=1)] | None = Field(
        None, description="the contract: accounts whose Posts may be asked for in a calendar month (UTC)"
    )
    handles_warning: Annotated[float, Field(gt=0, le=1)] = Field(
        0.8, description="share of handles_per_month at which to warn"
    )
    impressions_reach: Duration = Field(
        7_776_000.0, gt=0, description="age up to which totals have a Post's impressions and engagements"
    )
    video_views_reach: Duration = Field(
        155_520_000.0, gt=0, description="age up to which totals have a Post's video views"
    )
    historical_from: str = Field(
        "2014-09-01",
        pattern=r"^\d{4}-\d{2}-\d{2}$",
        description="day (UTC) before which historical has nothing: no report starts earlier",
    )
    historical_reach: Duration = Field(
        0.0, description="age up to which historical goes back, such as 365d; 0: to historical_from"
    )
    requests_per_minute: Annotated[float, Field(ge=0.001, le=10_000_000, allow_inf_nan=False)] = Field(
        60,
        description="the contract: requests in any rolling minute, at least 0.001; a fraction is kept in "
        "whole requests: 2.5 is 2 in any 48 s, 0.25 is 1 in any 240 s",
    )
    headroom: Duration = Field(
        2.0,
        ge=0.2,
        description="added to the rolling minute, or what the contract has for it, for clocks of workers "
        "that differ, the network and pauses; costs headroom/60 of the requests; the same in all workers",
    )
    ask_without_kafka: bool = Field(
        True,
        description="a worker that is alone goes on asking while no broker can be reached; "
        "one that shares the quota stops until it is known to be in the group",
    )
    in_flight: Annotated[int, Field(ge=1, le=256)] = Field(4, description="requests under way at once")
    timeout: Duration = Field(20.0, gt=0, description="the longest wait for one answer")
    attempts: Annotated[int, Field(ge=1, le=20)] = Field(
        5, description="tries of one request before its Posts go back to the planner"
    )
    retry_wait: Duration = Field(0.5, gt=0, description="first wait before a try again; doubles, with jitter")
    retry_wait_max: Duration = Field(30.0, gt=0, description="longest wait before a try again")
    circuit_retry: Duration = Field(
        300.0, ge=1, description="after a refused token: time until the API is tried again"
    )


class Boards(Section):
    """The leaderboards kept of every campaign."""

    metrics: Words = Field(
        [*PUBLIC_METRICS, "favorites_per_hour", "retweets_per_hour"],
        min_length=1,
        description="favorites, retweets, replies, quote_tweets, video_views; of owned Posts impressions and "
        "engagements; each also with _per_hour; engagement_rate; with _28h what 28hr has: docs/metrics.md",
    )
    rate_min_impressions: Count = Field(
        100, description="impressions below which a Post has no engagement_rate: 1 of 1 is no winner"
    )
    top: Annotated[int, Field(ge=1, le=1000)] = Field(50, description="places of a leaderboard")
    reserve: Annotated[int, Field(ge=1, le=10_000)] = Field(
        50, description="places kept below them, so that falls need no search"
    )
    growth_window: Duration = Field(3600.0, ge=1, description="time over which growth per hour is measured")


class Http(Section):
    """The API, the live page, the metrics and the health checks."""

    host: str = Field("127.0.0.1", description="address to listen on; 0.0.0.0 in a container")
    port: Annotated[int, Field(ge=0, le=65535)] = Field(8080, description="port to listen on; 0: a free one")
    max_connections: Count = Field(
        500,
        description="connections at once; beyond it, one that is idle is closed, or the new one refused",
    )
    max_streams: Count = Field(200, description="live pages connected at once, of those")


class Publish(Section):
    """Where leaderboards go."""

    interval: Duration = Field(0.5, gt=0, description="least time between two publications of a leaderboard")
    change_window: Duration = Field(
        3600.0, ge=1, description="how long ago the places are from that a leaderboard's changes are counted"
    )
    partials_interval: Duration = Field(
        1.0, gt=0, description="least time between two tellings of other workers of one board"
    )
    kafka: bool = Field(True, description="publish on the topic <group>.leaderboards")
    transactions: Literal["auto", "on", "off"] = Field(
        "auto",
        description="write there in transactions, so that brokers refuse a publisher whose time is over; "
        "auto: where brokers can",
    )
    prometheus_ranks: Annotated[int, Field(ge=0, le=100)] = Field(
        10, description="ranks of each leaderboard exported to Prometheus"
    )
    prometheus_series: Annotated[int, Field(ge=0)] = Field(
        5_000, description="board series exported at most; what is left out is counted"
    )
    http: Http = Field(default_factory=Http, description="the HTTP server")


class Run(Section):
    """The process."""

    log_format: Literal["auto", "json", "console"] = Field(
        "auto", description="auto: console on a terminal, else json"
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field("info", description="least level logged")
    stop_timeout: Duration = Field(
        8.0, gt=0, description="the longest wait for requests in flight when stopping"
    )
    stalled_after: Duration = Field(
        60.0, ge=1, description="a loop without progress for so long fails /healthz, and is logged"
    )
    memory_warning: Annotated[Size, Field(ge=1)] | None = Field(
        None, description="memory of the process at which the log warns, such as 900MiB"
    )


class Clock(Section):
    """How fast time goes, for development: worker and sandbox are told the same."""

    speed: Annotated[float, Field(ge=1, le=1000)] = Field(
        1.0,
        description="for development: time goes so many times as fast as it does; 1 is real time; another "
        "needs since, and an engagement.url of this machine",
    )
    since: Moment | None = Field(
        None,
        description="for development: the moment that time goes faster from, at most a day ago: ISO 8601 or "
        "seconds since 1970; the same in all workers and in the sandbox",
    )

    @property
    def pace(self) -> Pace:
        """How fast the clock goes that these settings mean."""
        return Pace(self.speed, Timestamp(self.since or 0.0))


class Settings(Section):
    """All settings of a worker."""

    kafka: Kafka = Field(default_factory=Kafka, description="the brokers and topics")
    intake: Intake = Field(default_factory=Intake, description="reading records")
    watchlist: Watchlist = Field(default_factory=Watchlist, description="the Posts tracked")
    journal: Journal = Field(default_factory=Journal, description="the state kept in Kafka")
    planner: Planner = Field(default_factory=Planner, description="what to ask next")
    engagement: Engagement = Field(default_factory=Engagement, description="the API and the contract")
    boards: Boards = Field(default_factory=Boards, description="the leaderboards kept")
    publish: Publish = Field(default_factory=Publish, description="where leaderboards go")
    run: Run = Field(default_factory=Run, description="the process")
    clock: Clock = Field(default_factory=Clock, description="the pace of time, for development")
