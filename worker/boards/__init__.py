"""The bounded boards: exact for what is known, also after falls, removals and re-entries. Pure."""

from worker.boards.board import Board
from worker.boards.boards import Boards, BoardsLimits

__all__ = ["Board", "Boards", "BoardsLimits"]
