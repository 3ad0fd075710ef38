"""From file and environment to settings, or to every fault at once."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.unit.settings.environment import (
    NEEDED,
    faults_of,
    faults_of_alone,
    loaded,
    loaded_alone,
    set_environment,
)
from worker.settings import SettingsError, load
from worker.settings.faults import MASK
from worker.settings.load import masked

if TYPE_CHECKING:
    from worker.settings import Fault

CANARY = "canary-77aa"


def names(faults: tuple[Fault, ...]) -> list[str]:
    return [fault.name for fault in faults]


def the_fault(faults: tuple[Fault, ...]) -> Fault:
    (fault,) = faults
    return fault


# Where values come from


def test_defaults_need_only_a_topic_and_a_token() -> None:
    settings = loaded()
    assert settings.kafka.topic == ["posts"]
    assert settings.watchlist.tracking_window == 48 * 3600
    assert settings.engagement.requests_per_minute == 60


@pytest.mark.parametrize("written", ["60", "0.25", "0.001", "1.5", "10000000"])
def test_requests_a_minute_may_be_a_fraction(written: str, tmp_path: Path) -> None:
    toml = f"[engagement]\nrequests_per_minute = {written}\n"
    assert loaded(toml, tmp_path).engagement.requests_per_minute == float(written)
    assert loaded(ENGAGEMENT__REQUESTS_PER_MINUTE=written).engagement.requests_per_minute == float(written)


@pytest.mark.parametrize("written", ["0", "-1", "0.0009", "10000001", "nan", "inf", "few"])
def test_requests_a_minute_that_no_contract_has_are_refused(written: str) -> None:
    fault = the_fault(faults_of(ENGAGEMENT__REQUESTS_PER_MINUTE=written))
    assert fault.name == "engagement.requests_per_minute"
    assert written in fault.value


def test_without_a_topic_and_a_token_both_are_told() -> None:
    assert names(faults_of_alone()) == ["kafka.topic", "engagement.bearer_token"]


def test_the_file_is_laid_over_defaults_and_the_environment_over_the_file(tmp_path: Path) -> None:
    toml = '[boards]\ntop = 7\nreserve = 8\n[watchlist]\ntracking_window = "6h"\n'
    settings = loaded(toml, tmp_path, BOARDS__TOP="20")
    assert (settings.boards.top, settings.boards.reserve) == (20, 8)
    assert settings.watchlist.tracking_window == 6 * 3600


def test_every_kind_of_setting_can_come_from_the_environment() -> None:
    settings = loaded(
        KAFKA__TOPIC="a, b,c",
        KAFKA__BOOTSTRAP_SERVERS="one:9092,[::1]:9093",
        KAFKA__SECURITY__SECURITY_PROTOCOL="SSL",
        KAFKA__SECURITY__SSL_CAFILE=__file__,
        KAFKA__SESSION_TIMEOUT="1m30s",
        INTAKE__CAMPAIGNS_FROM="hashtags,topic",
        INTAKE__TAG_CAMPAIGNS="a rule=x, other=y",
        INTAKE__KEEP_TEXT="false",
        INTAKE__ID_PATH="payload.post.id",
        PLANNER__INTERVAL_GROWTH="0.5",
        BOARDS__METRICS="favorites,retweets_per_hour",
        BOARDS__TOP="3",
        PUBLISH__HTTP__HOST="0.0.0.0",  # noqa: S104 -- a container's
        PUBLISH__HTTP__PORT="0",
        RUN__LOG_FORMAT="json",
    )
    assert settings.kafka.topic == ["a", "b", "c"]
    assert settings.kafka.bootstrap_servers == ["one:9092", "[::1]:9093"]
    assert settings.kafka.security.security_protocol == "SSL"
    assert settings.kafka.security.ssl_cafile == Path(__file__)
    assert settings.kafka.session_timeout == 90
    assert settings.intake.campaigns_from == ["hashtags", "topic"]
    assert settings.intake.tag_campaigns == {"a rule": "x", "other": "y"}
    assert settings.intake.keep_text is False
    assert settings.intake.id_path == "payload.post.id"
    assert settings.planner.interval_growth == 0.5
    assert settings.boards.metrics == ["favorites", "retweets_per_hour"]
    assert settings.boards.top == 3
    assert settings.publish.http.host == "0.0.0.0"  # noqa: S104 -- a container's
    assert settings.publish.http.port == 0
    assert settings.run.log_format == "json"


def test_values_given_by_a_command_stand_between_file_and_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "worker.toml"
    path.write_text("[boards]\ntop = 7\nreserve = 7\n")
    set_environment(monkeypatch, NEEDED | {"TOPTWEETS_BOARDS__TOP": "9"})
    settings = load(path, {"boards": {"top": 8, "reserve": 8}})
    assert (settings.boards.top, settings.boards.reserve) == (9, 8)


def test_the_variable_that_names_the_file_is_no_setting() -> None:
    assert loaded(CONFIG="elsewhere.toml").boards.top == 50


# All faults at once


def test_every_fault_is_told_with_name_value_and_what_would_be_right(tmp_path: Path) -> None:
    toml = """
    [kafka]
    topc = "posts"
    session_timeout = "soon"
    bootstrap_servers = ["nowhere"]
    [boards]
    top = 0
    metrics = ["favorites", "likes", "favorites"]
    [intake]
    retweets = "both"
    tag_campaigns = { a = 1 }
    """
    faults = faults_of(toml, tmp_path, ENGAGEMENT__IN_FLIGHT="many", BORDS__TOP="3")
    told = {fault.name: fault for fault in faults}
    assert set(told) == {
        "kafka.topc",
        "kafka.session_timeout",
        "kafka.bootstrap_servers",
        "boards.top",
        "boards.metrics",
        "intake.retweets",
        "intake.tag_campaigns",
        "engagement.in_flight",
        "TOPTWEETS_BORDS__TOP",
    }
    assert told["kafka.topc"].right == "no setting has this name; did you mean kafka.topic?"
    assert told["kafka.session_timeout"].value == "'soon'"
    assert "48h" in told["kafka.session_timeout"].right
    assert told["kafka.bootstrap_servers"].value == "'nowhere'"
    assert told["boards.top"].value == "0"
    assert "at least 1" in told["boards.top"].right
    assert "'original', 'as_is' or 'skip'" in told["intake.retweets"].right
    assert told["engagement.in_flight"].value == "'many'"
    assert told["TOPTWEETS_BORDS__TOP"].right.endswith("did you mean TOPTWEETS_BOARDS__TOP?")


def test_a_duration_out_of_bounds_is_shown_as_it_was_written_and_the_bound_with_its_unit() -> None:
    with pytest.raises(SettingsError) as error:
        loaded_alone(KAFKA__FETCH_WAIT="2s")
    told = {fault.name: fault for fault in error.value.faults}["kafka.fetch_wait"]
    assert told.value == "'2s'"
    assert told.right.startswith("it must be at most 0.5 s ")


def test_the_message_has_a_line_a_fault() -> None:
    with pytest.raises(SettingsError) as error:
        loaded_alone(BOARDS__TOP="0")
    lines = str(error.value).splitlines()
    assert lines[0] == "3 faults in the settings:"
    assert len(lines) == 4
    assert str(SettingsError(error.value.faults[:1])).startswith("1 fault in")


@pytest.mark.parametrize(
    ("toml", "name", "meant"),
    [
        ("[engagment]\nurl = 'x'", "engagment", "engagement"),
        ("[kafka.securty]\n", "kafka.securty", "kafka.security"),
        ("[publish]\nintervall = 1", "publish.intervall", "publish.interval"),
    ],
)
def test_a_name_that_is_none_is_told_with_its_nearest(
    tmp_path: Path, toml: str, name: str, meant: str
) -> None:
    fault = the_fault(faults_of(toml, tmp_path))
    assert fault.name == name
    assert fault.right.endswith(f"did you mean {meant}?")


@pytest.mark.parametrize(
    ("variable", "meant"),
    [
        ("KAFKA_TOPIC", "TOPTWEETS_KAFKA__TOPIC"),
        ("KAFKA__TOPICS", "TOPTWEETS_KAFKA__TOPIC"),
        ("ENGAGEMENT__BEARER_TOKEN_FILES", "TOPTWEETS_ENGAGEMENT__BEARER_TOKEN"),
        ("KAFKA__TOPIC__X", "TOPTWEETS_KAFKA__TOPIC"),
    ],
)
def test_a_variable_that_is_none_is_told_with_its_nearest(variable: str, meant: str) -> None:
    fault = the_fault(faults_of(**{variable: "x"}))
    assert fault.name == f"TOPTWEETS_{variable}"
    assert f"did you mean {meant}?" in fault.right


@pytest.mark.parametrize("variable", ["KAFKA", "KAFKA__SECURITY"])
def test_a_section_is_set_by_its_parts(variable: str) -> None:
    fault = the_fault(faults_of(**{variable: '{"topic": ["a"]}'}))
    assert "it is set by its parts, such as TOPTWEETS_KAFKA__" in fault.right


def test_a_fault_in_one_variable_does_not_hide_the_others() -> None:
    assert names(faults_of(KAFKA="oops", BOARDS__TOP="0")) == ["TOPTWEETS_KAFKA", "boards.top"]


@pytest.mark.parametrize(
    "text",
    [b"[kafka", b"a = ", b"\xff\xfe", b"x = " + b"[" * 5000, b"x = " + b"9" * 5000, b"[a]\n[a]\n"],
)
def test_a_file_that_is_no_toml_is_the_only_fault(
    tmp_path: Path, text: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_environment(monkeypatch, {"TOPTWEETS_BOARDS__TOP": "0"})
    path = tmp_path / "worker.toml"
    path.write_bytes(text)
    with pytest.raises(SettingsError) as error:
        load(path)
    fault = the_fault(error.value.faults)
    assert fault.name == str(path)
    assert fault.right.startswith("is not TOML: ")
    assert text != b"[a]\n[a]\n" or "(at line 2, " in fault.right


def test_a_file_that_is_not_there_is_the_only_fault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    set_environment(monkeypatch, {})
    for path, why in {tmp_path / "none.toml": "no such file", tmp_path: "is a directory"}.items():
        with pytest.raises(SettingsError) as error:
            load(path)
        assert the_fault(error.value.faults).right.startswith(why)


@pytest.mark.parametrize("written", ['"20s"', '"20000ms"', "20", "20.0", "true", "-3"])
def test_a_value_is_told_as_it_was_written(tmp_path: Path, written: str) -> None:
    fault = the_fault(faults_of(f"[kafka]\nheartbeat_interval = {written}\n", tmp_path))
    assert fault.name == "kafka.heartbeat_interval"
    assert fault.value == written.replace('"', "'")


@pytest.mark.parametrize("value", ["5", "true", "{ a = 1 }"])
def test_what_is_no_list_of_names_is_told_what_would_be_one(tmp_path: Path, value: str) -> None:
    fault = the_fault(faults_of(f"[kafka]\nbootstrap_servers = {value}\n", tmp_path))
    assert fault.right.startswith("write a name, or a list of names (")


@pytest.mark.parametrize("toml", ["kafka = 5", "kafka = ['a']", "kafka = 'text'"])
def test_a_section_that_is_a_value_is_a_fault(tmp_path: Path, toml: str) -> None:
    fault = faults_of(toml, tmp_path)[0]
    assert fault.name == "kafka"
    assert "section" in fault.right


def test_a_number_of_thousands_of_digits_is_a_fault(tmp_path: Path) -> None:
    hexadecimal = "0x" + "f" * 5000
    toml = f"[boards]\ntop = {hexadecimal}\n[planner]\nlinger = {hexadecimal}\n"
    assert sorted(names(faults_of(toml, tmp_path))) == ["boards.top", "planner.linger"]


def test_a_value_of_thousands_of_letters_is_cut(tmp_path: Path) -> None:
    fault = the_fault(faults_of(f'[planner]\nlinger = "{"x" * 5000}"', tmp_path))
    assert fault.value.startswith("'xxx")
    assert len(fault.value) <= 201


def test_not_a_number_is_no_number(tmp_path: Path) -> None:
    assert names(faults_of("[planner]\ninterval_growth = nan", tmp_path)) == ["planner.interval_growth"]


# Secrets


def test_a_secret_comes_from_a_file_without_its_trailing_newline(tmp_path: Path) -> None:
    secret = tmp_path / "token"
    secret.write_text(f"{CANARY}\r\n")
    settings = loaded_alone(KAFKA__TOPIC="a", ENGAGEMENT__BEARER_TOKEN_FILE=str(secret))
    assert settings.engagement.bearer_token is not None
    assert settings.engagement.bearer_token.get_secret_value() == CANARY


def test_a_password_keeps_its_spaces(tmp_path: Path) -> None:
    secret = tmp_path / "password"
    secret.write_text(" two words \n")
    settings = loaded(
        KAFKA__SECURITY__SECURITY_PROTOCOL="SASL_PLAINTEXT",
        KAFKA__SECURITY__SASL_MECHANISM="PLAIN",
        KAFKA__SECURITY__SASL_PLAIN_USERNAME="me",
        KAFKA__SECURITY__SASL_PLAIN_PASSWORD_FILE=str(secret),
    )
    assert settings.kafka.security.sasl_plain_password is not None
    assert settings.kafka.security.sasl_plain_password.get_secret_value() == " two words "


def test_a_secrets_file_may_be_named_in_the_settings_file(tmp_path: Path) -> None:
    secret = tmp_path / "token"
    secret.write_text(CANARY)
    toml = f'[engagement]\nbearer_token_file = "{secret}"\n'
    settings = loaded_alone(toml, tmp_path, KAFKA__TOPIC="a")
    assert settings.engagement.bearer_token is not None
    assert settings.engagement.bearer_token.get_secret_value() == CANARY


def test_a_secret_and_its_file_are_not_both_given_by_the_environment(tmp_path: Path) -> None:
    secret = tmp_path / "token"
    secret.write_text("from-file")
    fault = the_fault(faults_of(ENGAGEMENT__BEARER_TOKEN=CANARY, ENGAGEMENT__BEARER_TOKEN_FILE=str(secret)))
    assert fault.name == "TOPTWEETS_ENGAGEMENT__BEARER_TOKEN"
    assert "TOPTWEETS_ENGAGEMENT__BEARER_TOKEN_FILE" in fault.right
    assert CANARY not in str(fault)


def test_a_secret_of_the_environment_goes_before_a_file_named_in_the_settings_file(tmp_path: Path) -> None:
    secret = tmp_path / "token"
    secret.write_text("from-file")
    toml = f'[engagement]\nbearer_token_file = "{secret}"\n'
    settings = loaded(toml, tmp_path, ENGAGEMENT__BEARER_TOKEN=CANARY)
    assert settings.engagement.bearer_token is not None
    assert settings.engagement.bearer_token.get_secret_value() == CANARY


@pytest.mark.parametrize("content", [b"", b"\n", b"\xff\xfe", None])
def test_a_secrets_file_that_is_empty_or_cannot_be_read_is_one_fault(
    tmp_path: Path, content: bytes | None
) -> None:
    secret = tmp_path / "token"
    if content is not None:
        secret.write_bytes(content)
    fault = the_fault(faults_of_alone(KAFKA__TOPIC="a", ENGAGEMENT__BEARER_TOKEN_FILE=str(secret)))
    assert fault.name == "engagement.bearer_token_file"
    assert fault.value == str(secret)


def test_a_secrets_file_with_an_impossible_name_is_a_fault(tmp_path: Path) -> None:
    toml = '[engagement]\nbearer_token_file = "a\\u0000b"\n'
    assert names(faults_of_alone(toml, tmp_path, KAFKA__TOPIC="a")) == ["engagement.bearer_token_file"]


def test_an_empty_secret_is_a_fault() -> None:
    fault = the_fault(faults_of(ENGAGEMENT__BEARER_TOKEN=""))
    assert fault.name == "engagement.bearer_token"
    assert "empty" in fault.right


@pytest.mark.parametrize("token", [f"{CANARY} x", f"{CANARY}\n", f'"{CANARY}" ', f"{CANARY}é"])
def test_a_token_that_no_header_can_hold_is_a_fault(token: str) -> None:
    fault = the_fault(faults_of(ENGAGEMENT__BEARER_TOKEN=token))
    assert fault.name == "engagement.bearer_token"
    assert CANARY not in str(fault)


@pytest.mark.parametrize(
    ("section", "secret"),
    [
        ("engagement", "bearer_token"),
        ("engagement", "consumer_key"),
        ("engagement", "consumer_secret"),
        ("kafka.security", "sasl_plain_password"),
        ("kafka.security", "ssl_password"),
        ("kafka.security", "oauth_client_secret"),
    ],
)
def test_a_secret_in_the_settings_file_is_refused_and_not_shown(
    tmp_path: Path, section: str, secret: str
) -> None:
    faults = faults_of(f'[{section}]\n{secret} = "{CANARY}"\n', tmp_path)
    fault = the_fault(faults)
    assert fault.name == f"{section}.{secret}"
    assert f"{secret}_FILE".upper() in fault.right.upper()
    assert CANARY not in str(SettingsError(faults))


@pytest.mark.parametrize(
    "toml",
    [
        f"engagement = '{CANARY}'",
        f"[engagement]\nbearer_tokn = '{CANARY}'",
        f"[engagment]\nbearer_token = '{CANARY}'",
        f"bearer_token = '{CANARY}'",
        f"[engagement.bearer_token]\nx = '{CANARY}'",
        f"[kafka]\nsecurity = ['{CANARY}']",
        f"[engagement]\nurl = 'https://user:{CANARY}@api.example'",
        f"[engagement]\ntoken_url = 'https://{CANARY}@api.example'",
    ],
)
def test_no_fault_shows_a_secret_in_the_wrong_place(tmp_path: Path, toml: str) -> None:
    with pytest.raises(SettingsError) as error:
        loaded(toml, tmp_path)
    assert CANARY not in str(error.value) + repr(error.value)
    assert error.value.__cause__ is None


@pytest.mark.parametrize(
    "variable", ["ENGAGEMENT", "KAFKA__SECURITY", "ENGAGEMENT__BEARER_TOKEN__X", "TOKEN"]
)
def test_no_fault_shows_a_secret_in_the_wrong_variable(variable: str) -> None:
    faults = faults_of(**{variable: CANARY})
    assert CANARY not in str(SettingsError(faults)) + repr(faults)


def test_no_fault_shows_a_secret_of_the_wrong_kind(monkeypatch: pytest.MonkeyPatch) -> None:
    set_environment(monkeypatch, {"TOPTWEETS_KAFKA__TOPIC": "a"})
    with pytest.raises(SettingsError) as error:
        load(None, {"engagement": {"bearer_token": [CANARY]}})
    assert [fault.name for fault in error.value.faults] == ["engagement.bearer_token"]
    assert CANARY not in str(error.value)


def test_secrets_are_masked_wherever_settings_are_shown() -> None:
    settings = loaded(
        ENGAGEMENT__CONSUMER_KEY=CANARY,
        ENGAGEMENT__CONSUMER_SECRET=CANARY,
        KAFKA__SECURITY__SASL_PLAIN_PASSWORD=CANARY,
        KAFKA__SECURITY__SSL_PASSWORD=CANARY,
        KAFKA__SECURITY__OAUTH_CLIENT_SECRET=CANARY,
        ENGAGEMENT__BEARER_TOKEN=CANARY,
    )
    shown = repr(settings) + str(settings) + repr(masked(settings)) + repr(settings.model_dump())
    assert CANARY not in shown + settings.model_dump_json()
    assert masked(settings)["engagement"]["bearer_token"] == MASK
    assert masked(settings)["kafka"]["security"]["sasl_kerberos_name"] is None
