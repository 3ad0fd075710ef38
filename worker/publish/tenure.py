"""The thread of one term: it takes over, writes what it is given in order, and looks after the term."""

from __future__ import annotations

import queue
import threading
import time
from concurrent.futures import Future
from typing import TYPE_CHECKING, Final

import structlog

from worker.publish.term import CLIENT_ERRORS, SteppedDownError, SupersededError, Term

if TYPE_CHECKING:
    from collections.abc import Callable

    from worker.model import Seconds
    from worker.publish.term import Clients, Transactions
    from worker.telemetry import Telemetry

_log = structlog.get_logger(__name__)

_OPEN_AGAIN: Final = 0.2


class Tenure:
    """A term with a thread of its own, from now until ``end``, or until another publisher takes over.

    Nothing here waits but the thread, which waits for brokers for seconds at most.
    """

    def __init__(
        self,
        clients: Clients,
        topic: str,
        *,
        transactions: Transactions,
        after: int,
        look_every: Seconds,
        telemetry: Telemetry,
    ) -> None:
        self._over = threading.Event()
        self._term = Term(clients, topic, transactions=transactions, after=after, over=self._over)
        self._topic = topic
        self._look_every = look_every
        self._telemetry = telemetry
        self._jobs: queue.SimpleQueue[tuple[Callable[[Term], None], Future[bool]] | None] = (
            queue.SimpleQueue()
        )
        self._look_at = time.monotonic() + look_every
        self._rebuilds = 0
        self._troubled = False
        self.opened: Future[None] = Future()
        """Done when it has taken over, or is over."""
        self.trouble = "no answer yet"
        """Why it has not taken over."""
        self._thread = threading.Thread(target=self._run, name="leaderboards", daemon=True)
        self._thread.start()

    @property
    def over(self) -> bool:
        """Whether it has ended, or another has taken over."""
        return self._over.is_set()

    @property
    def epoch(self) -> int:
        """The epoch of its records; 0 before it is known."""
        return self._term.epoch

    @property
    def unsettled(self) -> frozenset[bytes]:
        """Keys on the topic that it has not written."""
        return self._term.unsettled

    @property
    def running(self) -> bool:
        """Whether its thread is."""
        return self._thread.is_alive()

    def give(self, job: Callable[[Term], None]) -> Future[bool]:
        """Have this done after all before it. The outcome: whether the term was not over by then."""
        outcome: Future[bool] = Future()
        self._jobs.put((job, outcome))
        return outcome

    def end(self) -> None:
        """Write no more. What is being written is taken back, if that is still possible."""
        self._over.set()
        self._jobs.put(None)

    def _run(self) -> None:
        try:
            self._open()
            while not self.over:
                self._do_next()
        except SteppedDownError:
            pass
        except SupersededError as by:
            self._over.set()
            _log.warning("publisher_fenced", topic=self._topic, epoch=self._term.epoch, by=str(by))
        except Exception as error:  # noqa: BLE001 -- a fault of ours: whoever takes over next may have more luck
            _log.error("publisher_failed", topic=self._topic, error=repr(error))
        finally:
            self._over.set()
            self._term.close()
            if not self.opened.done():
                self.opened.set_result(None)
            self._refuse_rest()

    def _open(self) -> None:
        while not self.over:
            try:
                self._term.open()
            except CLIENT_ERRORS as error:
                self._tell(error)
                self._over.wait(_OPEN_AGAIN)
            else:
                break
        self._troubled = False
        if not self.over:
            self.opened.set_result(None)
            _log.info(
                "publisher_took_over",
                topic=self._topic,
                epoch=self._term.epoch,
                transactions=self._term.transactional,
            )

    def _do_next(self) -> None:
        now = time.monotonic()
        if now >= self._look_at:
            self._look()
            self._look_at = now + self._look_every
        try:
            given = self._jobs.get(timeout=max(0.0, self._look_at - now))
        except queue.Empty:
            return
        if given is None:
            return
        job, outcome = given
        try:
            job(self._term)
        except (SteppedDownError, SupersededError):
            outcome.set_result(False)
            raise
        except Exception as error:  # noqa: BLE001 -- it is raised where the outcome is awaited
            outcome.set_exception(error)
        else:
            outcome.set_result(True)
        self._count()

    def _look(self) -> None:
        try:
            self._term.look()
        except CLIENT_ERRORS as error:
            self._tell(error)
        else:
            self._troubled = False
        self._count()

    def _count(self) -> None:
        if self._term.rebuilds > self._rebuilds:
            self._telemetry.producer_rebuilds.inc(self._term.rebuilds - self._rebuilds)
            self._rebuilds = self._term.rebuilds
            _log.warning("producer_rebuilt", topic=self._topic)

    def _tell(self, error: BaseException) -> None:
        """Say it once: it goes on being tried."""
        self.trouble = repr(error)
        if not self._troubled and not self.over:
            _log.warning("publisher_without_brokers", topic=self._topic, error=self.trouble)
        self._troubled = True

    def _refuse_rest(self) -> None:
        while True:
            try:
                given = self._jobs.get_nowait()
            except queue.Empty:
                return
            if given is not None:
                given[1].set_result(False)
