"""Settings that are each right alone and do not go together."""

from __future__ import annotations

import pytest

from tests.unit.settings.environment import faults_of, faults_of_alone, loaded, loaded_alone

PLAIN = {
    "KAFKA__SECURITY__SECURITY_PROTOCOL": "SASL_SSL",
    "KAFKA__SECURITY__SASL_MECHANISM": "PLAIN",
    "KAFKA__SECURITY__SASL_PLAIN_USERNAME": "me",
    "KAFKA__SECURITY__SASL_PLAIN_PASSWORD": "secret",
}
TOKEN = {"ENGAGEMENT__BEARER_TOKEN": "t"}
OAUTH = {
    "KAFKA__SECURITY__SECURITY_PROTOCOL": "SASL_SSL",
    "KAFKA__SECURITY__SASL_MECHANISM": "OAUTHBEARER",
    "KAFKA__SECURITY__OAUTH_TOKEN_URL": "https://login.example/token",
    "KAFKA__SECURITY__OAUTH_CLIENT_ID": "me",
    "KAFKA__SECURITY__OAUTH_CLIENT_SECRET": "secret",
}


def names(**variables: str) -> list[str]:
    return [fault.name for fault in faults_of(**variables)]


def test_topics_are_named_or_matched_and_not_both() -> None:
    assert loaded_alone(KAFKA__TOPIC_PATTERN="posts-.*", **TOKEN).kafka.topic == []
    assert names(KAFKA__TOPIC_PATTERN="posts-.*") == ["kafka.topic"]
    assert names(KAFKA__TOPIC="") == ["kafka.topic"]
    assert names(KAFKA__TOPIC="", KAFKA__TOPIC_PATTERN="(") == ["kafka.topic_pattern"]
    assert names(KAFKA__TOPIC="", KAFKA__TOPIC_PATTERN="a{99999999999999999999}") == ["kafka.topic_pattern"]
    assert "kafka.topic_pattern" in names(KAFKA__TOPIC="", KAFKA__TOPIC_PATTERN="")


def test_our_own_topics_are_no_input() -> None:
    assert names(KAFKA__TOPIC="top-tweets.sightings") == ["kafka.topic"]
    for topic in ("a b", ".", "..", "a" * 250):
        assert names(KAFKA__TOPIC=topic) == ["kafka.topic"]


@pytest.mark.parametrize(
    "server", ["nowhere", "host:", ":9092", "host:0", "host:99999", "http://host:9092", "a b:1"]
)
def test_a_broker_is_a_host_and_a_port(server: str) -> None:
    assert names(KAFKA__BOOTSTRAP_SERVERS=server) == ["kafka.bootstrap_servers"]


def test_live_pages_leave_connections_for_all_else() -> None:
    assert names(PUBLISH__HTTP__MAX_STREAMS="500") == ["publish.http.max_streams"]
    both = {"PUBLISH__HTTP__MAX_STREAMS": "500", "PUBLISH__HTTP__MAX_CONNECTIONS": "501"}
    assert loaded(**both).publish.http.max_streams == 500


def test_sizes_are_read_with_their_unit_and_in_bounds() -> None:
    settings = loaded(KAFKA__BUFFER_BYTES="16MiB", RUN__MEMORY_WARNING="1.5GB")
    assert (settings.kafka.buffer_bytes, settings.run.memory_warning) == (16 * 2**20, 1_500_000_000)
    assert names(KAFKA__BUFFER_BYTES="1kB", RUN__MEMORY_WARNING="much") == [
        "kafka.buffer_bytes",
        "run.memory_warning",
    ]


def test_a_session_has_at_least_three_heartbeats() -> None:
    assert names(KAFKA__HEARTBEAT_INTERVAL="20s") == ["kafka.heartbeat_interval"]


def test_an_api_needs_a_token_or_both_halves_of_a_key() -> None:
    key = {"ENGAGEMENT__CONSUMER_KEY": "k", "ENGAGEMENT__CONSUMER_SECRET": "s", "KAFKA__TOPIC": "a"}
    assert loaded_alone(**key).engagement.bearer_token is None
    for half in ("CONSUMER_KEY", "CONSUMER_SECRET"):
        rest = {name: text for name, text in key.items() if name != f"ENGAGEMENT__{half}"}
        assert [fault.name for fault in faults_of_alone(**rest)] == [f"engagement.{half.lower()}"]
    assert [fault.name for fault in faults_of_alone(KAFKA__TOPIC="a")] == ["engagement.bearer_token"]


@pytest.mark.parametrize(
    "url",
    [
        "http://",
        "https://:80",
        "http://[::1",
        "http://host:99999",
        "http://host:port",
        f"http://{'a' * 70}.example",
        "ftp://host",
        "host",
        "http://a b",
        "https://host/?a=1",
        "https://host/#a",
        "https://user:password@host",
    ],
)
def test_an_address_is_a_whole_address(url: str) -> None:
    assert names(ENGAGEMENT__URL=url) == ["engagement.url"]


@pytest.mark.parametrize("url", ["http://localhost:8080", "https://api.example/v2/", "http://[::1]:80"])
def test_addresses_that_are_right_are_taken(url: str) -> None:
    assert loaded(ENGAGEMENT__URL=url, ENGAGEMENT__TOKEN_URL=url).engagement.url == url


def test_the_first_wait_is_not_longer_than_the_longest() -> None:
    assert names(ENGAGEMENT__RETRY_WAIT="1m") == ["engagement.retry_wait"]


def test_a_place_in_json_is_names_joined_by_dots() -> None:
    for path in ("", ".", "a..b", "a."):
        assert names(INTAKE__ID_PATH=path) == ["intake.id_path"]


def test_metrics_are_those_of_the_api_each_once() -> None:
    assert loaded(BOARDS__METRICS="replies,replies_per_hour").boards.metrics == [
        "replies",
        "replies_per_hour",
    ]
    assert names(BOARDS__METRICS="likes") == ["boards.metrics"]
    assert names(BOARDS__METRICS="replies,replies") == ["boards.metrics"]
    assert names(BOARDS__METRICS="") == ["boards.metrics"]


@pytest.mark.parametrize(
    "login", [PLAIN, PLAIN | {"KAFKA__SECURITY__SASL_MECHANISM": "SCRAM-SHA-512"}, OAUTH]
)
def test_a_login_that_is_whole_is_taken_and_each_part_is_needed(login: dict[str, str]) -> None:
    loaded(**login)
    for part in list(login)[2:]:
        rest = {name: text for name, text in login.items() if name != part}
        assert names(**rest) == [part.lower().replace("__", ".")]


def test_a_sasl_protocol_needs_a_mechanism_and_a_mechanism_a_sasl_protocol() -> None:
    mechanism, protocol = "KAFKA__SECURITY__SASL_MECHANISM", "KAFKA__SECURITY__SECURITY_PROTOCOL"
    assert names(**{protocol: "SASL_SSL"}) == ["kafka.security.sasl_mechanism"]
    assert names(**{mechanism: "GSSAPI"}) == ["kafka.security.security_protocol"]
    assert names(**{mechanism: "GSSAPI", protocol: "SSL"}) == ["kafka.security.security_protocol"]


def test_tokens_are_fetched_over_http_only() -> None:
    for url in ("file:///etc/passwd", "login.example", "https://user:secret@login.example"):
        fault = faults_of(**OAUTH | {"KAFKA__SECURITY__OAUTH_TOKEN_URL": url})[0]
        assert fault.name == "kafka.security.oauth_token_url"
        assert "secret" not in fault.value


def test_files_of_certificates_are_there() -> None:
    long = "9" * 400
    assert names(KAFKA__SECURITY__SSL_CAFILE=long) == ["kafka.security.ssl_cafile"]
    for name in ("SSL_CAFILE", "SSL_CERTFILE", "SSL_KEYFILE", "SSL_CRLFILE"):
        assert names(**{f"KAFKA__SECURITY__{name}": "/nowhere/file"}) == [f"kafka.security.{name.lower()}"]


def test_any_address_may_be_listened_on() -> None:
    assert loaded(PUBLISH__HTTP__HOST="0.0.0.0").publish.http.host == "0.0.0.0"  # noqa: S104 -- a value, not a socket
