"""Whether another process took over this one's place in a group: kafka-python tells its log alone."""

from __future__ import annotations

from typing import Any


class FencedError(Exception):
    """Another worker joined under this one's instance ID: this one is out, and must end."""

    def __init__(self, instance_id: str | None) -> None:
        super().__init__(
            f"another worker joined with kafka.instance_id {instance_id!r}, and took this one's place in the "
            "group: give each worker an ID of its own"
        )


def instance_id_of(consumer: Any) -> str | None:  # noqa: ANN401 -- kafka-python is untyped
    """The name under which the consumer keeps its place in its group over a restart, if it has one."""
    found: str | None = getattr(consumer, "config", {}).get("group_instance_id")
    return found


def fail_if_fenced(consumer: Any) -> None:  # noqa: ANN401 -- kafka-python is untyped
    """Look whether the consumer's heartbeats ended because it was fenced.

    It would read on for ever, as if nothing had happened, and learn of it at its next commit at the earliest.
    Never so without an instance ID.

    Raises:
        FencedError: it was.
    """
    instance_id = instance_id_of(consumer)
    if instance_id is None:
        return
    coordinator = consumer._coordinator  # noqa: SLF001 -- it is told nowhere else
    # In its lock, since a join that completes changes all of these together.
    with coordinator._lock:  # noqa: SLF001 -- the same
        joined = coordinator.stable() and not coordinator.rejoin_needed and not coordinator.rejoining
        fenced = joined and not coordinator._heartbeat_enabled  # noqa: SLF001 -- the same
    if fenced:
        raise FencedError(instance_id)
