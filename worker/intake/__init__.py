"""Input records to Sightings, and Sightings to their owner. Owns the consumers and their threads."""

from worker.intake.forwarder import Forwarder
from worker.intake.inbox import (
    Assigned,
    Batch,
    Event,
    Foreign,
    Inbox,
    Journaled,
    JournalEnd,
    Overtaken,
    Restored,
    Revoked,
)
from worker.intake.input_reader import InputReader
from worker.intake.joining import Joining
from worker.intake.sightings_reader import SightingsReader
from worker.intake.topics import TopicNames, ensure_topics
from worker.intake.watch import BrokerWatch

__all__ = [
    "Assigned",
    "Batch",
    "BrokerWatch",
    "Event",
    "Foreign",
    "Forwarder",
    "Inbox",
    "InputReader",
    "Joining",
    "JournalEnd",
    "Journaled",
    "Overtaken",
    "Restored",
    "Revoked",
    "SightingsReader",
    "TopicNames",
    "ensure_topics",
]
