"""The Engagement API: authentication, requests, answers, errors, quota. Knows nothing of Kafka or boards."""

from worker.engagement.auth import AppOnlyAuth, Credentials, FixedToken
from worker.engagement.circuit import Circuit
from worker.engagement.client import EngagementClient, Outcome, RetryPolicy
from worker.engagement.errors import EngagementError, RefusedError, StoppedError, TransientError
from worker.engagement.quota import Quota
from worker.engagement.transport import HttpTransport, Reply, Transport

__all__ = [
    "AppOnlyAuth",
    "Circuit",
    "Credentials",
    "EngagementClient",
    "EngagementError",
    "FixedToken",
    "HttpTransport",
    "Outcome",
    "Quota",
    "RefusedError",
    "Reply",
    "RetryPolicy",
    "StoppedError",
    "TransientError",
    "Transport",
]
