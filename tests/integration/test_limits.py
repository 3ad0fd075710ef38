"""What a worker that runs tells of its limits."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

from tests.tools.live_worker import await_that, quick_settings, running_sandbox, running_worker

if TYPE_CHECKING:
    from pathlib import Path

    from tests.tools.brokers import Broker


def test_limits_and_memory_are_exported_and_memory_above_the_warning_is_told_once(
    broker: Broker, tmp_path: Path
) -> None:
    group, topic = f"group-{uuid.uuid4().hex[:8]}", broker.create_topic()
    settings = quick_settings(broker, group, run__memory_warning="1MiB", publish__http__max_connections="300")
    with (
        running_sandbox(tmp_path) as sandbox,
        running_worker(tmp_path, broker.bootstrap, topic, sandbox.address, settings) as worker,
    ):
        assert worker.metric("process_resident_memory_bytes") > 2**20
        assert worker.metric("toptweets_limit", setting="run.memory_warning") == 2**20
        assert worker.metric("toptweets_limit", setting="publish.http.max_connections") == 300
        assert worker.metric("toptweets_http_connections") >= 1
        worker.await_event("memory_above_warning")
        # Looked at once more by now, as it looks each second.
        before = worker.metric("toptweets_loop_progress_timestamp_seconds", loop="planner")
        await_that(
            lambda: worker.metric("toptweets_loop_progress_timestamp_seconds", loop="planner") > before + 2,
            "two seconds of its life",
        )
        assert len(worker.events("memory_above_warning")) == 1
        assert worker.stop(10) == 0, worker.log.read_text()
