"""A start waits for brokers that come and go, and not for what no waiting mends."""

from __future__ import annotations

from typing import Any

import pytest
from kafka.errors import KafkaConnectionError, KafkaError, TopicAuthorizationFailedError

from worker import clients
from worker.intake.topics import TopicsError
from worker.settings import load

ANY: Any = None


class Topics:
    """Fails as it is told, then succeeds."""

    def __init__(self, *errors: KafkaError | None) -> None:
        self.errors = list(errors)
        self.tries = 0

    def ensure(self, *_: object) -> None:
        self.tries += 1
        error = self.errors.pop(0) if self.errors else None
        if error is not None:
            raise TopicsError("the topics cannot be created or read") from error


def ensured(monkeypatch: pytest.MonkeyPatch, topics: Topics, again_after: float = 0.001) -> None:
    monkeypatch.setattr(clients, "_ensure_topics", topics.ensure)
    monkeypatch.setattr(clients, "_TOPICS_AGAIN", again_after)
    settings = load(None, {"kafka": {"topic": "posts"}, "engagement": {"bearer_token": "t"}})
    clients._ensure_topics_in_time(settings, ANY)  # noqa: SLF001 -- all else of a start needs brokers


def test_a_connection_that_is_reset_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    topics = Topics(KafkaConnectionError(), KafkaConnectionError())
    ensured(monkeypatch, topics)
    assert topics.tries == 3


def test_what_brokers_refuse_is_told_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    topics = Topics(TopicAuthorizationFailedError())
    with pytest.raises(TopicsError):
        ensured(monkeypatch, topics)
    assert topics.tries == 1


def test_when_the_time_of_a_request_is_over_it_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    topics = Topics(KafkaConnectionError(), KafkaConnectionError())
    with pytest.raises(TopicsError):
        ensured(monkeypatch, topics, again_after=3600.0)
    assert topics.tries == 1
