"""The compose file is valid to the real Compose, and keeps what docs/deploy.md promises of it."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.tools.dockerfile import ROOT
from tests.tools.kafka_jars import kafka_version
from worker.settings.sections import Settings

_FILE = ROOT / "deploy" / "compose.yaml"


def _compose(**variables: str) -> dict[str, Any]:
    """The file as Compose understands it, with the profile ``example``."""
    compose = Path(sys.executable).with_name("docker-compose")
    done = subprocess.run(
        [compose, "--file", _FILE, "--profile", "example", "config", "--format", "json"],
        env={"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/"), **variables},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert not done.stderr, done.stderr
    understood: dict[str, Any] = json.loads(done.stdout)
    return understood


@pytest.fixture(scope="module")
def services() -> dict[str, Any]:
    found: dict[str, Any] = _compose()["services"]
    return found


def test_nothing_is_reachable_from_other_machines(services: dict[str, Any]) -> None:
    published = [port for service in services.values() for port in service.get("ports", [])]
    assert {port["host_ip"] for port in published} == {"127.0.0.1"}
    assert {int(port["published"]) for port in published} == {3000, 8080, 9090, 9092}


def test_no_service_can_gain_rights(services: dict[str, Any]) -> None:
    for service in services.values():
        assert service["cap_drop"] == ["ALL"]
        assert service["security_opt"] == ["no-new-privileges:true"]
        assert not service.get("privileged")


def test_every_service_but_kafka_has_a_read_only_root(services: dict[str, Any]) -> None:
    writable = {name for name, service in services.items() if not service.get("read_only")}
    assert writable == {"kafka", "topics"}


def test_every_image_is_ours_or_pinned(services: dict[str, Any]) -> None:
    for service in services.values():
        assert service["image"] == "top-tweets" or re.search(r":v?\d+\.\d+\.\d+$", service["image"])
    assert services["kafka"]["image"] == services["topics"]["image"] == f"apache/kafka:{kafka_version()}"


def test_whoever_depends_waits_for_a_condition_that_can_come(services: dict[str, Any]) -> None:
    for service in services.values():
        for name, dependency in service.get("depends_on", {}).items():
            if dependency["condition"] == "service_healthy":
                assert "test" in services[name]["healthcheck"]
            else:
                assert dependency["condition"] == "service_completed_successfully"
                assert services[name]["restart"] == "no"


def test_every_setting_of_the_worker_exists(services: dict[str, Any]) -> None:
    for variable in services["worker"]["environment"]:
        section: Any = Settings
        for name in variable.removeprefix("TOPTWEETS_").removesuffix("_FILE").lower().split("__"):
            field = section.model_fields[name]
            section = field.annotation


def test_secrets_come_from_files_that_can_be_replaced(services: dict[str, Any]) -> None:
    assert all("sandbox-" not in str(value) for value in services["worker"]["environment"].values())
    ours = _compose()["secrets"]
    assert Path(ours["consumer_key"]["file"]).read_text().strip() == "sandbox-key"
    assert Path(ours["consumer_secret"]["file"]).read_text().strip() == "sandbox-secret"
    real = _compose(CONSUMER_KEY_FILE="/run/keys/key", CONSUMER_SECRET_FILE=os.devnull)["secrets"]
    assert {real[name]["file"] for name in real} == {"/run/keys/key", os.devnull}


def test_every_mounted_file_is_there(services: dict[str, Any]) -> None:
    for service in services.values():
        for volume in service.get("volumes", []):
            assert volume["type"] != "bind" or Path(volume["source"]).exists(), volume["source"]


def test_several_workers_find_ports() -> None:
    (port,) = _compose(WORKER_PORTS="8080-8084")["services"]["worker"]["ports"]
    assert port["published"] == "8080-8084"
