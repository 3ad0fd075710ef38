"""A worker whose event loop is really blocked says where, once, and says when it moves again."""

from __future__ import annotations

import os
import uuid
from typing import TYPE_CHECKING, Final

from tests.tools.live_worker import quick_settings, running_sandbox, running_worker

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

    from tests.tools.brokers import Broker

BLOCKED: Final = """
import threading
import worker.tracker

count, calls = worker.tracker.Tracker.count, []

def block_once(self):
    calls.append(1)
    if len(calls) == 2:
        threading.Event().wait(4.0)
    count(self)

worker.tracker.Tracker.count = block_once
"""
"""Python runs a module of this name when it starts."""


def test_a_blocked_event_loop_is_told_with_its_stacks_once(
    broker: Broker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "sitecustomize.py").write_text(BLOCKED)
    settings = quick_settings(broker, f"group-{uuid.uuid4().hex[:8]}", run__stalled_after="1500ms")
    topic = broker.create_topic()
    with running_sandbox(tmp_path) as sandbox:
        monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")]))
        where = tmp_path, broker.bootstrap, topic, sandbox.address
        with running_worker(*where, settings) as worker:
            worker.await_event("moves_again")
            stalled = [one for one in worker.events("stalled") if one["loop"] == "planner"]
            assert len(stalled) == 1
            assert "block_once: threading.Event().wait(4.0)" in str(stalled[0]["threads"])
            assert any(name.startswith("house ") for name in stalled[0]["tasks"])
            assert "sandbox-token" not in worker.log.read_text()
            worker.await_that("/healthz", "moves on")
            assert worker.stop(10) == 0, worker.log.read_text()
