"""The Engagement API: authentication, requests, answers, errors, quota. Knows nothing of Kafka or boards."""

from worker.engagement.accounts import Account, Accounts
from worker.engagement.allowance import Allowance
from worker.engagement.asking import Asker
from worker.engagement.auth import AppOnlyAuth, Credentials, FixedToken
from worker.engagement.circuit import Circuit
from worker.engagement.errors import EngagementError, RefusedError, StoppedError, TransientError
from worker.engagement.handles import Handles
from worker.engagement.limit import Limit
from worker.engagement.outcome import Outcome
from worker.engagement.query import Query, Window
from worker.engagement.quota import Quota
from worker.engagement.requester import Access, Requester, RetryPolicy
from worker.engagement.signing import AccountSigner, AppSigner
from worker.engagement.slots import Slot, Slots
from worker.engagement.transport import HttpTransport, Reply, Transport

__all__ = [
    "Access",
    "Account",
    "AccountSigner",
    "Accounts",
    "Allowance",
    "AppOnlyAuth",
    "AppSigner",
    "Asker",
    "Circuit",
    "Credentials",
    "EngagementError",
    "FixedToken",
    "Handles",
    "HttpTransport",
    "Limit",
    "Outcome",
    "Query",
    "Quota",
    "RefusedError",
    "Reply",
    "Requester",
    "RetryPolicy",
    "Slot",
    "Slots",
    "StoppedError",
    "TransientError",
    "Transport",
    "Window",
]
