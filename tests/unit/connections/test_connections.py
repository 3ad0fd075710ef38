"""Kafka options as the settings say, and tokens for OAUTHBEARER from a service."""

from __future__ import annotations

import base64
import json
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import pytest
from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer
from kafka.errors import KafkaConnectionError
from kafka.net.sasl.oauth import SaslMechanismOAuth

from worker import connections
from worker.connections import KafkaConnections, TokenProvider, fetch_options, security_options
from worker.settings.sections import Kafka, KafkaSecurity

if TYPE_CHECKING:
    from collections.abc import Iterator

CANARY = "canary-c0de"


def security(**settings: Any) -> KafkaSecurity:
    return KafkaSecurity.model_validate(settings)


# Options


@pytest.mark.parametrize(
    ("settings", "options"),
    [
        ({}, {"security_protocol": "PLAINTEXT"}),
        (
            {
                "security_protocol": "SSL",
                "ssl_cafile": "/etc/ca.pem",
                "ssl_certfile": "/etc/cert.pem",
                "ssl_keyfile": "/etc/key.pem",
                "ssl_password": "p",
                "ssl_crlfile": "/etc/crl.pem",
                "ssl_ciphers": "ECDHE",
                "ssl_check_hostname": False,
            },
            {
                "security_protocol": "SSL",
                "ssl_cafile": "/etc/ca.pem",
                "ssl_certfile": "/etc/cert.pem",
                "ssl_keyfile": "/etc/key.pem",
                "ssl_password": "p",
                "ssl_crlfile": "/etc/crl.pem",
                "ssl_ciphers": "ECDHE",
                "ssl_check_hostname": False,
            },
        ),
        *(
            (
                {
                    "security_protocol": "SASL_SSL",
                    "sasl_mechanism": mechanism,
                    "sasl_plain_username": "me",
                    "sasl_plain_password": "p",
                },
                {
                    "security_protocol": "SASL_SSL",
                    "sasl_mechanism": mechanism,
                    "sasl_plain_username": "me",
                    "sasl_plain_password": "p",
                },
            )
            for mechanism in ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512")
        ),
        (
            {
                "security_protocol": "SASL_PLAINTEXT",
                "sasl_mechanism": "GSSAPI",
                "sasl_kerberos_name": "me@REALM",
                "sasl_kerberos_service_name": "broker",
                "sasl_kerberos_domain_name": "example",
            },
            {
                "security_protocol": "SASL_PLAINTEXT",
                "sasl_mechanism": "GSSAPI",
                "sasl_kerberos_name": "me@REALM",
                "sasl_kerberos_service_name": "broker",
                "sasl_kerberos_domain_name": "example",
            },
        ),
    ],
)
def test_settings_become_options_and_the_rest_is_left_to_kafka_python(
    settings: dict[str, Any], options: dict[str, Any]
) -> None:
    defaults = {"ssl_check_hostname": True, "sasl_kerberos_service_name": "kafka"}
    assert security_options(security(**settings)) == defaults | options


def every_setting() -> KafkaSecurity:
    return security(
        security_protocol="SASL_SSL",
        sasl_mechanism="OAUTHBEARER",
        oauth_token_url="http://login.example",
        oauth_client_id="me",
        oauth_client_secret="s",
        ssl_cafile="/a",
        ssl_certfile="/a",
        ssl_keyfile="/a",
        ssl_password="p",
        ssl_crlfile="/a",
        ssl_ciphers="a",
        sasl_plain_username="a",
        sasl_plain_password="p",
        sasl_kerberos_name="a",
        sasl_kerberos_domain_name="a",
    )


@pytest.mark.parametrize("client", [KafkaConsumer, KafkaProducer])
def test_every_option_is_one_that_kafka_python_knows(client: Any) -> None:
    assert set(security_options(every_setting())) <= set(client.DEFAULT_CONFIG)


def test_the_admin_client_gets_all_options_but_the_one_it_does_not_take(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made: dict[str, Any] = {}
    kafka = Kafka(security=every_setting())
    monkeypatch.setattr(KafkaAdminClient, "__init__", lambda _, **options: made.update(options))
    KafkaConnections(kafka).admin()
    assert set(made) <= set(KafkaAdminClient.DEFAULT_CONFIG)
    assert set(security_options(kafka.security)) - set(made) == {"ssl_ciphers"}


def test_clients_are_made_with_the_brokers_and_the_login(monkeypatch: pytest.MonkeyPatch) -> None:
    made: dict[str, dict[str, Any]] = {}
    for name in ("GroupMember", "Producer"):
        monkeypatch.setattr(connections, name, lambda _name=name, **options: made.update({_name: options}))
    kafka = Kafka.model_validate(
        {
            "bootstrap_servers": ["a:1", "b:2"],
            "session_timeout": "9s",
            "request_timeout": "7s",
            "instance_id": "worker-0",
        }
    )
    clients = KafkaConnections(kafka)
    clients.consumer("a-group", start="latest")
    clients.producer()
    for options in made.values():
        assert options["bootstrap_servers"] == ["a:1", "b:2"]
        assert options["request_timeout_ms"] == 7000
        assert options["security_protocol"] == "PLAINTEXT"
    consumer, producer = made["GroupMember"], made["Producer"]
    assert (consumer["group_id"], consumer["auto_offset_reset"]) == ("a-group", "latest")
    assert consumer["enable_auto_commit"] is False
    assert consumer["session_timeout_ms"] == 9000
    assert consumer["group_instance_id"] == "worker-0"
    assert producer["acks"] == "all"
    assert producer["max_in_flight_requests_per_connection"] == 1


@pytest.mark.parametrize(
    ("wait", "least_bytes", "longest_ms"), [("0s", 1, 500), ("250ms", 65_536, 250), ("1ms", 65_536, 50)]
)
def test_fetches_wait_for_more_as_long_as_the_settings_say_and_never_for_no_time(
    monkeypatch: pytest.MonkeyPatch, wait: str, least_bytes: int, longest_ms: int
) -> None:
    made: dict[str, dict[str, Any]] = {}
    for name in ("GroupMember", "KafkaConsumer"):
        monkeypatch.setattr(connections, name, lambda _name=name, **options: made.update({_name: options}))
    clients = KafkaConnections(Kafka.model_validate({"fetch_wait": wait}))
    clients.consumer("a-group", start="latest")
    clients.reader(follows=True)
    for options in made.values():
        assert options["fetch_min_bytes"] == least_bytes
        assert options["fetch_max_wait_ms"] == longest_ms
    assert len(made) == 2


def test_no_more_is_waited_for_than_a_fetch_brings_of_one_partition() -> None:
    assert fetch_options(0.25, 16_384) == {"fetch_min_bytes": 16_384, "fetch_max_wait_ms": 250}


def test_fetches_of_a_topic_that_is_read_to_its_end_do_not_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[dict[str, Any]] = []
    monkeypatch.setattr(connections, "KafkaConsumer", lambda **options: made.append(options))
    KafkaConnections(Kafka.model_validate({"fetch_wait": "500ms"})).reader()
    assert "fetch_min_bytes" not in made[0]


def test_no_repr_shows_a_password() -> None:
    kafka = Kafka.model_validate({"security": {"sasl_plain_password": CANARY, "ssl_password": CANARY}})
    assert CANARY not in repr(KafkaConnections(kafka)) + repr(kafka)


# Tokens


@dataclass
class Service:
    """A token service on this machine: what it answers next, and what it was asked."""

    url: str = ""
    answers: list[tuple[int, bytes]] = field(default_factory=list)
    asked: list[tuple[str, str]] = field(default_factory=list)


@contextmanager
def token_service(*answers: tuple[int, Any]) -> Iterator[Service]:
    """Answers in turn; the last answer stays."""
    service = Service(
        answers=[
            (status, body if isinstance(body, bytes) else json.dumps(body).encode())
            for status, body in answers
        ]
    )

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            service.asked.append((self.headers["Authorization"], body))
            status, content = service.answers.pop(0) if len(service.answers) > 1 else service.answers[0]
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 -- the base class has it so
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        service.url = f"http://127.0.0.1:{server.server_port}/token"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield service
        finally:
            server.shutdown()
            thread.join(5)


def provider(url: str, **more: str) -> TokenProvider:
    return TokenProvider(
        security(oauth_token_url=url, oauth_client_id="me", oauth_client_secret=CANARY, **more)
    )


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[float]]:
    """The time that tokens grow old by; its one element may be set."""
    now = [1000.0]
    monkeypatch.setattr("worker.connections.time.monotonic", lambda: now[0])
    yield now
    monkeypatch.undo()


def test_a_token_is_fetched_with_client_credentials() -> None:
    with token_service((200, {"access_token": "one", "expires_in": 3600})) as service:
        assert provider(service.url, oauth_scope="kafka all").token() == "one"
    ((authorization, body),) = service.asked
    assert base64.b64decode(authorization.removeprefix("Basic ")) == f"me:{CANARY}".encode()
    assert body == "grant_type=client_credentials&scope=kafka+all"


def test_without_a_scope_none_is_asked_for() -> None:
    with token_service((200, {"access_token": "one"})) as service:
        provider(service.url).token()
    assert service.asked[0][1] == "grant_type=client_credentials"


@pytest.mark.parametrize(
    ("answer", "kept"),
    [
        ({"expires_in": 3600}, 3540),
        ({"expires_in": "3600"}, 3540),
        ({"expires_in": 100}, 50),
        ({}, 240),
        ({"expires_in": 0}, 0),
    ],
)
def test_a_token_is_kept_until_a_minute_before_its_end(
    answer: dict[str, Any], kept: float, clock: list[float]
) -> None:
    with token_service(
        (200, {"access_token": "one"} | answer), (200, {"access_token": "two"} | answer)
    ) as service:
        tokens = provider(service.url)
        assert tokens.token() == "one"
        if kept:
            clock[0] = 1000.0 + kept - 0.1
            assert tokens.token() == "one"
        clock[0] = 1000.0 + kept
        assert tokens.token() == "two"
        assert len(service.asked) == 2


def test_threads_that_need_a_token_at_once_fetch_one() -> None:
    with token_service((200, {"access_token": "one", "expires_in": 3600})) as service:
        tokens = provider(service.url)
        threads = [threading.Thread(target=tokens.token) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(10)
        assert len(service.asked) == 1


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (401, {"error": "invalid_client"}),
        (500, b"oops"),
        (200, b"<html>"),
        (200, b"\xff\xfe"),
        (200, []),
        (200, "text"),
        (200, {}),
        (200, {"access_token": None}),
        (200, {"access_token": "t", "expires_in": "soon"}),
        (200, {"access_token": "t", "expires_in": None}),
        (200, {"access_token": "t", "expires_in": "nan"}),
        (200, {"access_token": "t", "expires_in": -1}),
    ],
)
def test_no_token_is_a_failed_connection_that_says_what_to_check_and_no_secret(
    status: int, body: object
) -> None:
    with token_service((status, body), (200, {"access_token": "later"})) as service:
        tokens = provider(service.url)
        with pytest.raises(KafkaConnectionError) as error:
            tokens.token()
        assert "kafka.security.oauth_token_url" in str(error.value)
        assert CANARY not in str(error.value) + repr(error.value) + repr(tokens)
        assert error.value.__cause__ is None
        assert tokens.token() == "later"


def test_a_service_that_is_not_there_is_a_failed_connection() -> None:
    with token_service((200, {})) as service:
        pass
    with pytest.raises(KafkaConnectionError, match="refused"):
        provider(service.url).token()


def test_kafka_python_takes_the_provider() -> None:
    with token_service((200, {"access_token": "one"})) as service:
        options = security_options(
            security(
                security_protocol="SASL_PLAINTEXT",
                sasl_mechanism="OAUTHBEARER",
                oauth_token_url=service.url,
                oauth_client_id="me",
                oauth_client_secret=CANARY,
            )
        )
        mechanism = SaslMechanismOAuth(host="broker", **options)
        assert b"auth=Bearer one" in mechanism.auth_bytes()
