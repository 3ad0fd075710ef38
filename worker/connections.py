"""Kafka clients as the settings say: the one place that knows kafka-python's options."""

from __future__ import annotations

import contextlib
import json
import math
import socket
import threading
import time
import urllib.request
from http.client import HTTPException
from typing import TYPE_CHECKING, Any, Final
from urllib.error import HTTPError
from urllib.parse import urlencode

from authlib.oauth2.auth import ClientAuth
from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer
from kafka.errors import InvalidProducerEpochError, KafkaConnectionError, KafkaError, ProducerFencedError
from kafka.net.sasl.oauth import AbstractTokenProvider

from worker.group_member import GroupMember

if TYPE_CHECKING:
    from worker.settings.sections import Kafka, KafkaSecurity

_CLIENT_ID: Final = "top-tweets"
_BATCH_BYTES: Final = 131_072
_LINGER_MS: Final = 20
_RECONNECT_MS: Final = 5_000
_MAX_BLOCK_MS: Final = 2_000
_TRANSACTION_MS: Final = 15_000
"""When brokers end a transaction whose producer vanished: readers of what is committed wait for it."""
_TRANSACTION_BACKOFF_MS: Final = 20
"""A transaction right after another one is refused for some milliseconds; kafka-python then sleeps this."""
_TRANSACTION_LINGER_MS: Final = 2
_DISCARD_TIMEOUT: Final = 1.0
_FENCED: Final = (ProducerFencedError, InvalidProducerEpochError)
_CONNECT_TIMEOUT: Final = 1.0
_PORT: Final = "9092"
_GIVE_UP: Final = 1.0
_FETCH_BYTES: Final = 65_536
"""What brokers wait for, for ``kafka.fetch_wait``: of our own topics some hundred records."""
_IDLE_FETCH_MS: Final = 500
"""How long brokers keep a fetch when nothing comes and no more than a record is waited for."""
_SHORTEST_FETCH_MS: Final = 50
"""As brokers are asked that often when nothing comes, too."""
_TOKEN_TIMEOUT: Final = 10.0
_TOKEN_MARGIN: Final = 60.0
_TOKEN_LIFE: Final = 300.0


class KafkaConnections:
    """Makes clients for one set of brokers. Who asks for a client closes it."""

    def __init__(self, kafka: Kafka) -> None:
        self._kafka = kafka
        self._common = {
            "bootstrap_servers": list(kafka.bootstrap_servers),
            "client_id": _CLIENT_ID,
            "request_timeout_ms": round(kafka.request_timeout * 1000),
            "bootstrap_timeout_ms": round(kafka.request_timeout * 1000),
            # After an outage, a client should not wait half a minute to look again, as it would by itself.
            "reconnect_backoff_max_ms": _RECONNECT_MS,
            **security_options(kafka.security),
        }
        self._fetching = fetch_options(kafka.fetch_wait, kafka.partition_fetch_bytes)

    def consumer(self, group: str, *, start: str) -> Any:  # noqa: ANN401 -- kafka-python is untyped
        """A group member. It commits what it is told to; partitions move one by one at a rebalance.

        It fetches without sessions: in one, brokers say nothing of a partition in which nothing is new, also
        to a member that was expelled and given it back. It would never learn where that ends.
        """
        return GroupMember(
            **self._common,
            **self._fetching,
            group_id=group,
            group_instance_id=self._kafka.instance_id,
            enable_auto_commit=False,
            auto_offset_reset=start,
            session_timeout_ms=round(self._kafka.session_timeout * 1000),
            heartbeat_interval_ms=round(self._kafka.heartbeat_interval * 1000),
            max_poll_records=self._kafka.poll_records,
            max_partition_fetch_bytes=self._kafka.partition_fetch_bytes,
            metadata_max_age_ms=30_000,
            enable_incremental_fetch_sessions=False,
        )

    def reader(self, *, committed: bool = False, follows: bool = False) -> Any:  # noqa: ANN401 -- kafka-python is untyped
        """A consumer of no group: it is told which partitions to read.

        With ``committed`` it reads nothing of transactions that are open or were aborted. Of one that
        ``follows`` a topic of one partition fetches wait, as a group's member's do. Others are to know the
        end soon; and of several partitions a fetch that waits for one would hold up the next of another.
        """
        return KafkaConsumer(
            **self._common,
            **(self._fetching if follows else {}),
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            max_poll_records=self._kafka.poll_records,
            isolation_level="read_committed" if committed else "read_uncommitted",
        )

    def producer(self) -> Producer:
        """A producer that waits for all in-sync copies and keeps the order of a partition.

        Not idempotent: whatever is sent twice overwrites itself, and an idempotent producer dies with the
        broker's memory of it. One request under way a connection keeps the order when a send is tried again.
        """
        return Producer(
            **self._common,
            acks="all",
            enable_idempotence=False,
            max_in_flight_requests_per_connection=1,
            linger_ms=_LINGER_MS,
            batch_size=_BATCH_BYTES,
            max_block_ms=_MAX_BLOCK_MS,
        )

    def transactional_producer(self, transactional_id: str) -> Producer:
        """A producer of transactions. Of those with the same ID, brokers take from the newest one alone."""
        return Producer(
            **self._common,
            acks="all",
            transactional_id=transactional_id,
            transaction_timeout_ms=_TRANSACTION_MS,
            retry_backoff_ms=_TRANSACTION_BACKOFF_MS,
            linger_ms=_TRANSACTION_LINGER_MS,
            batch_size=_BATCH_BYTES,
            max_block_ms=_MAX_BLOCK_MS,
        )

    def reachable(self) -> bool:
        """Whether any broker accepts a connection now: a quick question before a client is made again.

        A client of kafka-python that cannot be made leaves sockets for the garbage collector, or for ever.
        """
        return any(_accepts(server) for server in self._kafka.bootstrap_servers)

    def admin(self) -> Any:  # noqa: ANN401 -- kafka-python is untyped
        """A client for creating and describing topics."""
        # It takes all options but the ciphers, which it leaves to Python.
        known = self._common.keys() & KafkaAdminClient.DEFAULT_CONFIG.keys()
        return KafkaAdminClient(**{name: self._common[name] for name in known})


class Producer(KafkaProducer):  # type: ignore[misc]  # kafka-python is untyped
    """kafka-python's producer, with what it lacks: it is known when it died, and can be let go of at once."""

    def __init__(self, **options: Any) -> None:  # noqa: ANN401 -- kafka-python's options
        super().__init__(**options)
        if self._transaction_manager is not None and self._transaction_manager.is_transactional():
            # When told that its epoch is old, it would ask for a new one, and so fence out its successor.
            self._transaction_manager._supports_epoch_bump = lambda: False  # noqa: SLF001 -- no setting does it

    @property
    def dead(self) -> bool:
        """Whether it will never send again: it is closed, its thread has ended, or it is in a fatal state."""
        fatal = self._transaction_manager is not None and self._transaction_manager.has_fatal_error()
        return bool(fatal or self._closed or not self._sender.is_alive())

    @property
    def fenced(self) -> bool:
        """Whether it is dead because brokers know a newer producer with its transactional ID."""
        manager = self._transaction_manager
        return bool(self.dead and manager is not None and isinstance(manager.last_error, _FENCED))

    def discard(self) -> None:
        """Let go of it without waiting for brokers: what is not acknowledged fails. Any number of times."""
        # ``close`` alone leaves the thread running and its records waiting when they are not sent in time.
        self._sender.force_close()
        if threading.current_thread() is not self._sender:
            self._sender.join(_DISCARD_TIMEOUT)
        if not self._sender.is_alive():
            # A thread that died has not closed its sockets.
            with contextlib.suppress(KafkaError, RuntimeError, OSError):
                self._sender._client.close()  # noqa: SLF001 -- nothing else closes them
        self._accumulator.abort_incomplete_batches()
        with contextlib.suppress(KafkaError):
            self.close(timeout=0)
        self._closed = True

    def begin_ending(self, *, commit: bool) -> Any:  # noqa: ANN401 -- kafka-python's result
        """As ``commit_transaction`` and ``abort_transaction``, without waiting; gives what to look at."""
        manager = self._transaction_manager
        result = manager.begin_commit() if commit else manager.begin_abort()
        self._sender.wakeup()
        return result


def close_producer(producer: Any, within: float) -> None:  # noqa: ANN401 -- kafka-python is untyped
    """Close a producer of a command, in so many seconds; what it still holds then is given up.

    By itself it would keep its thread when brokers are gone, and complain of that as the process ends.
    """
    with contextlib.suppress(KafkaError):
        producer.close(timeout=within)
        return
    producer._sender.force_close()  # noqa: SLF001 -- closing flushes first, for as long as there is something
    with contextlib.suppress(KafkaError):
        producer.close(timeout=_GIVE_UP)


def fetch_options(wait: float, partition_bytes: int) -> dict[str, int]:
    """kafka-python's options for how long, in seconds, a fetch waits for more than one record.

    ``partition_bytes``: what it brings of a partition at most. Brokers count no more of it, so that more must
    not be waited for: it might never be there. A fetch costs the same whatever it brings
    (``docs/decisions/0021-fetches-that-wait.md``).
    """
    if not wait:
        return {"fetch_min_bytes": 1, "fetch_max_wait_ms": _IDLE_FETCH_MS}
    return {
        "fetch_min_bytes": min(_FETCH_BYTES, partition_bytes),
        "fetch_max_wait_ms": max(_SHORTEST_FETCH_MS, round(wait * 1000)),
    }


def security_options(security: KafkaSecurity) -> dict[str, Any]:
    """kafka-python's options for TLS and login; those that are not set are left to its defaults."""
    options: dict[str, Any] = {
        "security_protocol": security.security_protocol,
        "ssl_check_hostname": security.ssl_check_hostname,
        "ssl_cafile": _text(security.ssl_cafile),
        "ssl_certfile": _text(security.ssl_certfile),
        "ssl_keyfile": _text(security.ssl_keyfile),
        "ssl_password": security.ssl_password.get_secret_value() if security.ssl_password else None,
        "ssl_crlfile": _text(security.ssl_crlfile),
        "ssl_ciphers": security.ssl_ciphers,
        "sasl_mechanism": security.sasl_mechanism,
        "sasl_plain_username": security.sasl_plain_username,
        "sasl_plain_password": (
            security.sasl_plain_password.get_secret_value() if security.sasl_plain_password else None
        ),
        "sasl_kerberos_name": security.sasl_kerberos_name,
        "sasl_kerberos_service_name": security.sasl_kerberos_service_name,
        "sasl_kerberos_domain_name": security.sasl_kerberos_domain_name,
    }
    if security.sasl_mechanism == "OAUTHBEARER":
        options["sasl_oauth_token_provider"] = TokenProvider(security)
    return {name: value for name, value in options.items() if value is not None}


class TokenProvider(AbstractTokenProvider):  # type: ignore[misc]  # kafka-python is untyped
    """Tokens for OAUTHBEARER by client credentials, fetched again a minute before they end.

    kafka-python asks for a token at each connection, in the threads of its clients, and the call may wait.
    A token that cannot be had is a connection that failed: kafka-python says so and tries again.
    """

    def __init__(self, security: KafkaSecurity) -> None:
        super().__init__()
        secret = security.oauth_client_secret
        self._url = security.oauth_token_url or ""
        self._scope = security.oauth_scope
        self._auth = ClientAuth(
            security.oauth_client_id, secret.get_secret_value() if secret else "", "client_secret_basic"
        )
        self._token = ""
        self._good_until = -math.inf
        self._fetching = threading.Lock()

    def token(self) -> str:
        """The token to log in with now.

        Raises:
            KafkaConnectionError: there is none now; says what to look at, and no secret.
        """
        with self._fetching:
            if time.monotonic() >= self._good_until:
                try:
                    self._fetch()
                except (OSError, HTTPException, ValueError, KeyError, TypeError) as error:
                    raise KafkaConnectionError(
                        f"no token for OAUTHBEARER from {self._url} ({_reason(error)}): check "
                        "kafka.security.oauth_token_url, oauth_client_id and oauth_client_secret"
                    ) from None
            return self._token

    def _fetch(self) -> None:
        form = {"grant_type": "client_credentials"} | ({"scope": self._scope} if self._scope else {})
        body = urlencode(form)
        headers = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"}
        _, headers, _ = self._auth.prepare("POST", self._url, headers, body)
        request = urllib.request.Request(self._url, body.encode(), headers)  # noqa: S310 -- the operator's URL
        with urllib.request.urlopen(request, timeout=_TOKEN_TIMEOUT) as reply:  # noqa: S310 -- the settings' own address
            answer = json.load(reply)
        token, life = answer["access_token"], float(answer.get("expires_in", _TOKEN_LIFE))
        if not isinstance(token, str) or not 0 <= life < math.inf:
            raise ValueError("not a token and its life in seconds")
        self._token = token
        self._good_until = time.monotonic() + max(life - _TOKEN_MARGIN, life / 2)


def _reason(error: Exception) -> str:
    """What went wrong, without what was sent or answered."""
    if isinstance(error, HTTPError):
        error.close()
    return str(error) if isinstance(error, OSError) else f"{type(error).__name__} in its answer"


def _accepts(server: str) -> bool:
    host, _, port = server.rpartition(":")
    if not port.isdigit():
        host, port = server, _PORT
    try:
        with socket.create_connection((host.strip("[]"), int(port)), _CONNECT_TIMEOUT):
            return True
    except OSError:
        return False


def _text(path: object) -> str | None:
    return None if path is None else str(path)
