"""The test tools' pytest plugin: the fixtures ``broker`` and ``kind_of_broker``, a line on what runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pytest
from hypothesis import settings

from tests.tools.brokers import Broker, Kind, running_broker, start_broker, wanted_kinds, why_not
from tests.tools.kafka_jars import NotToBeHadError, java, kafka_version
from tests.tools.require import missing

if TYPE_CHECKING:
    from collections.abc import Iterator


_LONG: Final = ("integration", "e2e")


def pytest_configure(config: pytest.Config) -> None:
    """The mark of the tests that replay how the image is built; examples may take as long as they take."""
    settings.register_profile("untimed", deadline=None)
    settings.load_profile("untimed")
    config.addinivalue_line("markers", "container: builds what the image holds, from the package registry")


@pytest.hookimpl(tryfirst=True)
def pytest_sessionstart(session: pytest.Session) -> None:
    """Before tests run in several processes: what the first use of the embedded broker unpacks is there."""
    if not hasattr(session.config, "workerinput") and "tansu" in wanted_kinds() and why_not("tansu") is None:
        start_broker("tansu").stop()


def pytest_report_header() -> str:
    """Say once which brokers the tests run on."""
    shown: dict[Kind, str] = {"tansu": "Tansu", "apache": f"Apache Kafka {kafka_version()}"}
    try:
        java()
    except NotToBeHadError as reason:
        shown["apache"] = f"not Apache Kafka ({reason})"
    kinds = ", ".join(shown[kind] for kind in wanted_kinds())
    return f"brokers: {kinds} (TOP_TWEETS_TEST_BROKERS chooses)"


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Whatever uses a broker carries the mark ``kafka``; and what takes long comes first.

    Files are dealt out to processes in this order, which is random within each of these two: with long ones
    at the end, one process would wait for the other.
    """
    for item in items:
        if isinstance(item, pytest.Function) and {"broker", "kind_of_broker"} & set(item.fixturenames):
            item.add_marker(pytest.mark.kafka)
    items.sort(key=lambda item: item.path.parent.name not in _LONG)


@pytest.fixture(scope="session", params=wanted_kinds())
def kind_of_broker(request: pytest.FixtureRequest) -> Kind:
    """Each kind that can run here: for tests that start brokers of their own."""
    kind: Kind = request.param
    if reason := why_not(kind):
        if kind == "tansu":
            pytest.skip(reason)
        missing("apache", reason)
    return kind


@pytest.fixture(scope="session")
def broker(kind_of_broker: Kind) -> Iterator[Broker]:
    """A broker of each kind that can run here, shared by all tests: use topics and groups of your own."""
    with running_broker(kind_of_broker) as running:
        yield running
