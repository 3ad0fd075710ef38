"""The design's rules on what may know what, asked of the code itself."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT: Final = Path(__file__).parents[2]
ROOMS: Final = ("intake", "watchlist", "planner", "engagement", "boards", "publish")
SHARED: Final = (
    "worker.model",
    "worker.catalogue",
    "worker.board_metrics",
    "worker.recall",
    "worker.telemetry",
    "worker.formats",
)
PURE: Final = ("boards", "planner", "watchlist")
INPUT_OUTPUT: Final = {
    *("aiohttp", "httpx", "kafka", "starlette", "structlog", "uvicorn", "logging", "prometheus_client"),
    *("asyncio", "concurrent", "multiprocessing", "threading", "subprocess", "signal", "selectors"),
    *(
        "http",
        "io",
        "os",
        "pathlib",
        "random",
        "shutil",
        "socket",
        "ssl",
        "sys",
        "tempfile",
        "time",
        "urllib",
    ),
}


def _files(package: str) -> list[Path]:
    files = sorted((ROOT / package).rglob("*.py"))
    assert files, f"{package} is empty"
    return files


def _module(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def _imports(path: Path) -> Iterator[str]:
    """Every module that a file imports, wherever in it, also for its types only."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0 and node.module, f"{path}: a relative import"  # noqa: PT018 -- one fault
            yield node.module
            if node.module in {"worker", "sandbox"}:
                yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _is_in(module: str, packages: tuple[str, ...]) -> bool:
    return any(module == package or module.startswith(f"{package}.") for package in packages)


def _faults(package: str, allowed: tuple[str, ...], of: str) -> list[str]:
    return [
        f"{_module(path)} imports {module}"
        for path in _files(package)
        for module in _imports(path)
        if _is_in(module, (of,)) and module != of and not _is_in(module, allowed)
    ]


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_knows_the_nouns_and_itself_and_no_other_room(room: str) -> None:
    assert _faults(f"worker/{room}", (*SHARED, f"worker.{room}"), of="worker") == []


def test_the_formats_know_the_nouns_only() -> None:
    assert _faults("worker/formats", ("worker.model", "worker.formats"), of="worker") == []


def test_only_the_commands_and_the_demo_know_the_sandbox() -> None:
    importing = {
        _module(path) for path in _files("worker") if any(_is_in(one, ("sandbox",)) for one in _imports(path))
    }
    assert all(_is_in(module, ("worker.cli", "worker.demo")) for module in importing), importing


def test_the_sandbox_knows_nothing_of_the_worker() -> None:
    assert _faults("sandbox", (), of="worker") == []


def test_http_requests_leave_through_one_module() -> None:
    """But for those of ``top-tweets why``, which go to our own workers."""
    importing = [
        _module(path) for path in _files("worker") if any(_is_in(one, ("httpx",)) for one in _imports(path))
    ]
    assert importing == ["worker.engagement.transport", "worker.why"]


@pytest.mark.parametrize("room", PURE)
def test_a_pure_room_does_no_input_and_no_output(room: str) -> None:
    faults = [
        f"{_module(path)} imports {module}"
        for path in _files(f"worker/{room}")
        for module in _imports(path)
        if module.partition(".")[0] in INPUT_OUTPUT
    ]
    assert faults == []


def test_clients_of_kafka_are_made_in_one_module() -> None:
    """Its errors and small types may be known where records come in and go out."""
    clients = {"KafkaConsumer", "KafkaProducer", "KafkaAdminClient"}
    making = {
        _module(path)
        for path in _files("worker")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ImportFrom)
        and node.module == "kafka"
        and clients & {alias.name for alias in node.names}
    }
    assert making == {"worker.connections", "worker.group_member"}


def test_only_the_runtime_and_what_composes_join_rooms() -> None:
    joining = {
        _module(path)
        for path in _files("worker")
        if path.parent == ROOT / "worker"
        and len({room for room in ROOMS for one in _imports(path) if _is_in(one, (f"worker.{room}",))}) > 3
    }
    assert joining <= {"worker.parts", "worker.runtime", "worker.views", "worker.simulate", "worker.report"}
