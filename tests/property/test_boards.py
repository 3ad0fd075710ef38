"""One board equals a plain sort, whatever is offered, falls, leaves and comes back."""

from __future__ import annotations

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from worker.boards import Board
from worker.model import PostId

post_ids = st.integers(1, 12).map(PostId)
values = st.integers(-2, 4).map(float) | st.floats(-5, 5).map(lambda value: value + 0.0)


class OneBoard(RuleBasedStateMachine):
    """A board, and beside it a dict with everything that was said."""

    @initialize(top=st.integers(1, 3), reserve=st.integers(1, 3))
    def start(self, top: int, reserve: int) -> None:
        self.board = Board(top, reserve)
        self.known: dict[PostId, float] = {}

    @rule(post_id=post_ids, value=values)
    def offer(self, post_id: PostId, value: float) -> None:
        self.board.offer(post_id, value)
        self.known[post_id] = value

    @rule(offered=st.dictionaries(post_ids, values, min_size=6))
    def offer_many(self, offered: dict[PostId, float]) -> None:
        for post_id, value in offered.items():
            self.offer(post_id, value)

    @rule(post_id=post_ids)
    def remove(self, post_id: PostId) -> None:
        self.board.remove(post_id)
        self.known.pop(post_id, None)

    @rule()
    def remove_the_first(self) -> None:
        for post_id, _ in list(self.board.places())[:1]:
            self.remove(post_id)

    @rule(only_best=st.booleans())
    def refill(self, *, only_best: bool) -> None:
        candidates = list(self.known.items())
        if only_best:
            candidates = self.sorted()[: self.board.capacity + 1]
        self.board.refill(candidates)
        assert len(self.board) == min(self.board.capacity, len(self.known))
        assert not self.board.wants_refill

    @invariant()
    def the_board_is_the_beginning_of_the_sort(self) -> None:
        self.board.check()
        right = self.sorted()
        kept = list(self.board.places())
        assert kept == right[: len(kept)]
        assert self.board.wants_refill or len(kept) >= min(self.board.top, len(right))
        assert all((PostId(number) in self.board) == (number in dict(kept)) for number in range(13))

    def sorted(self) -> list[tuple[PostId, float]]:
        return sorted(self.known.items(), key=lambda place: (-place[1], place[0]))


TestOneBoard = OneBoard.TestCase
TestOneBoard.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)
