"""Faults that no single setting has: where two of them do not go together."""

from __future__ import annotations

import os
import re
import time
from datetime import date
from ipaddress import ip_address
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from worker.board_metrics import board_metric
from worker.model import MetricName
from worker.settings.faults import MASK, Fault, shown
from worker.settings.types import write_duration, write_moment
from worker.settings.walk import secrets

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from worker.settings.sections import Boards, Clock, Engagement, Kafka, KafkaSecurity, Settings

_SERVER = re.compile(r"(\[[0-9a-fA-F:]+\]|[^\s:/]+):(\d{1,5})")
_LAST_PORT = 65_535
HEARTBEATS_A_SESSION = 3
_DAY = 86_400.0


def disagreements(settings: Settings) -> Iterator[Fault]:
    """Every fault between settings that are each right alone."""
    yield from _kafka(settings.kafka)
    yield from _security(settings.kafka.security)
    yield from _engagement(settings.engagement)
    yield from _boards(settings.boards, accounts=settings.engagement.accounts_file is not None)
    yield from _secrets(settings)
    if settings.clock.speed != 1:
        yield from _clock(settings.clock, settings.engagement)
    http = settings.publish.http
    if http.max_streams >= http.max_connections:
        most = http.max_connections
        right = f"below publish.http.max_connections, which is {most}: all else needs connections too"
        yield Fault("publish.http.max_streams", str(http.max_streams), right)
    if settings.engagement.accounts_file is not None and not settings.intake.keep_author:
        right = "true: Posts are asked for with their author's token, so the author must be known"
        yield Fault("intake.keep_author", "False", right)
    if settings.intake.id_path is not None and not all(settings.intake.id_path.split(".")):
        right = "names joined by dots, such as payload.post.id"
        yield Fault("intake.id_path", shown(settings.intake.id_path), right)


def topic_fault(topic: str, group: str) -> str | None:
    """Why no input topic of this group can have this name; ``None`` when it can."""
    if not re.fullmatch(r"[A-Za-z0-9._-]{1,249}", topic):
        return "a topic's name has 1 to 249 letters, digits, dots, _ and - only"
    if topic in {".", ".."}:
        return "no topic can have this name"
    if topic.startswith(f"{group}."):
        return f"begins with the group's name and would be read as input; topics {group}.… are ours"
    return None


def _kafka(kafka: Kafka) -> Iterator[Fault]:
    if bool(kafka.topic) == (kafka.topic_pattern is not None):
        right = "give the input topics here, or a regular expression in kafka.topic_pattern, and not both"
        yield Fault("kafka.topic", shown(kafka.topic), right)
    for topic in kafka.topic:
        if (wrong := topic_fault(topic, kafka.group)) is not None:
            yield Fault("kafka.topic", shown(topic), wrong)
    if kafka.topic_pattern is not None:
        try:
            re.compile(kafka.topic_pattern)
        except (re.error, OverflowError, RecursionError) as error:
            yield Fault(
                "kafka.topic_pattern", shown(kafka.topic_pattern), f"not a regular expression: {error}"
            )
    for server in kafka.bootstrap_servers:
        parts = _SERVER.fullmatch(server)
        if not parts or not 1 <= int(parts[2]) <= _LAST_PORT:
            yield Fault("kafka.bootstrap_servers", shown(server), "a broker is written host:port")
    if kafka.heartbeat_interval * HEARTBEATS_A_SESSION > kafka.session_timeout:
        right = f"at most a third of kafka.session_timeout, which is {write_duration(kafka.session_timeout)}"
        yield Fault("kafka.heartbeat_interval", write_duration(kafka.heartbeat_interval), right)


def _security(security: KafkaSecurity) -> Iterator[Fault]:
    sasl = security.security_protocol.startswith("SASL")
    where = "kafka.security."
    if sasl and security.sasl_mechanism is None:
        right = "with SASL, one of PLAIN, SCRAM-SHA-256, SCRAM-SHA-512, OAUTHBEARER, GSSAPI"
        yield Fault(where + "sasl_mechanism", "not set", right)
    if security.sasl_mechanism is not None and not sasl:
        right = "a sasl_mechanism needs SASL_PLAINTEXT or SASL_SSL"
        yield Fault(where + "security_protocol", shown(security.security_protocol), right)
    needed: tuple[str, ...] = ()
    if security.sasl_mechanism in ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"):
        needed = ("sasl_plain_username", "sasl_plain_password")
    elif security.sasl_mechanism == "OAUTHBEARER":
        needed = ("oauth_token_url", "oauth_client_id", "oauth_client_secret")
    for name in needed:
        if getattr(security, name) is None:
            yield Fault(where + name, "not set", f"{security.sasl_mechanism} needs it")
    if security.oauth_token_url is not None:
        yield from _url(where + "oauth_token_url", security.oauth_token_url)
    for name in ("ssl_cafile", "ssl_certfile", "ssl_keyfile", "ssl_crlfile"):
        path: Path | None = getattr(security, name)
        if path is not None and not os.path.isfile(path):  # noqa: PTH113 -- Path.is_file raises, this does not
            yield Fault(where + name, shown(str(path)), "no such file, or none that can be read")


def _secrets(settings: Settings) -> Iterator[Fault]:
    for name, secret in secrets(settings):
        if not secret:
            yield Fault(name, "''", "is empty; give the secret, or do not set it")
        elif name.startswith("engagement.") and not re.fullmatch(r"[!-~]+", secret):
            yield Fault(name, MASK, "has spaces, or what is not ASCII: no token or key of X has")


def _url(name: str, url: str) -> Iterator[Fault]:
    try:
        parts = urlsplit(url)
        (parts.hostname or "").encode("idna")
        right = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        right = False
    if "@" in url:
        # Its value is not shown: it may hold a password.
        yield Fault(name, MASK, "an address without user and password, which have settings of their own")
    elif not right:
        yield Fault(name, shown(url), "an address such as https://api.example.com")


def _engagement(engagement: Engagement) -> Iterator[Fault]:
    yield from _url("engagement.url", engagement.url)
    yield from _url("engagement.token_url", engagement.token_url)
    if "?" in engagement.url or "#" in engagement.url:
        yield Fault("engagement.url", shown(engagement.url), "the API's base URL, without query or fragment")
    pair = {"consumer_key": engagement.consumer_key, "consumer_secret": engagement.consumer_secret}
    missing = [name for name, half in pair.items() if half is None]
    if engagement.bearer_token is None and len(missing) == len(pair):
        right = "give a bearer token, or both consumer_key and consumer_secret, by environment or file"
        yield Fault("engagement.bearer_token", "not set", right)
    elif engagement.bearer_token is None and missing:
        (other,) = pair.keys() - set(missing)
        right = f"engagement.{other} is set, and is of use with it only; give both, by environment or file"
        yield Fault(f"engagement.{missing[0]}", "not set", right)
    if engagement.accounts_file is not None and missing:
        right = "accounts' requests are signed with the app's consumer_key and consumer_secret: give both"
        yield Fault("engagement.accounts_file", shown(str(engagement.accounts_file)), right)
    try:
        date.fromisoformat(engagement.historical_from)
    except ValueError:
        yield Fault("engagement.historical_from", shown(engagement.historical_from), "a day, YYYY-MM-DD")
    secure = re.match(r"https://|http://(localhost|127\.0\.0\.1)([:/]|$)", engagement.url)
    if engagement.accounts_file is not None and not secure:
        right = "with accounts, an https address, or http://127.0.0.1: OAuth 1.0a signs for no other"
        yield Fault("engagement.url", shown(engagement.url), right)
    if engagement.retry_wait > engagement.retry_wait_max:
        right = f"at most engagement.retry_wait_max, which is {write_duration(engagement.retry_wait_max)}"
        yield Fault("engagement.retry_wait", write_duration(engagement.retry_wait), right)


def _boards(boards: Boards, *, accounts: bool) -> Iterator[Fault]:
    seen: set[str] = set()
    made = []
    for metric in boards.metrics:
        try:
            made.append(board_metric(MetricName(metric)))
        except ValueError as error:
            yield Fault("boards.metrics", shown(metric), str(error))
        if metric in seen:
            yield Fault("boards.metrics", shown(metric), "named twice")
        seen.add(metric)
    private = [metric.name for metric in made if metric.is_private]
    if made and len(private) == len(made):
        right = "name a public metric too: Posts of others have no private ones, and would be tracked in vain"
        yield Fault("boards.metrics", shown(boards.metrics), right)
    if private and not accounts:
        right = "only the owner of a Post may know it: name the accounts in engagement.accounts_file"
        yield Fault("boards.metrics", shown(private[0]), right)


def _clock(clock: Clock, engagement: Engagement) -> Iterator[Fault]:
    """What a clock that is faster than real time needs: a beginning, and nobody else's API."""
    asked = {"url": engagement.url}
    if engagement.bearer_token is None:
        asked["token_url"] = engagement.token_url
    for name, url in asked.items():
        if not _is_of_this_machine(url):
            right = f"1 with engagement.{name} = {shown(url)}: a sandbox of this machine may live faster"
            yield Fault("clock.speed", f"{clock.speed:g}", f"{right}, such as http://127.0.0.1:8090")
    now = time.time()
    right = f"the moment that time goes faster from, such as {write_moment(int(now))}; the sandbox's too"
    if clock.since is None:
        yield Fault("clock.since", "not set", f"clock.speed needs {right}")
    elif not now - _DAY <= clock.since <= now:
        yield Fault("clock.since", write_moment(clock.since), f"in the past, at most a day ago: {right}")


def _is_of_this_machine(url: str) -> bool:
    try:
        host = urlsplit(url).hostname or ""
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False
