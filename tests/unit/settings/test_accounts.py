"""The accounts' file: who is in it, where the tokens come from, and every fault told at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from worker.api import make_accounts
from worker.settings import SettingsError, load
from worker.settings.accounts import read_accounts

if TYPE_CHECKING:
    from pathlib import Path

SECRET = "canary-secret"
TWO = """
[[accounts]]
handle = "@Acme"
id = 12345

[[accounts]]
handle = "beta_2"
token_file = "{folder}/token"
token_secret_file = "{folder}/token_secret"
"""


@pytest.fixture
def two(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file of two accounts, one with its tokens in the environment, one with them in files."""
    monkeypatch.setenv("TOPTWEETS_ACCOUNTS__ACME__TOKEN", f"{SECRET}-1")
    (tmp_path / "acme_secret").write_text(f"{SECRET}-2\n")
    monkeypatch.setenv("TOPTWEETS_ACCOUNTS__ACME__TOKEN_SECRET_FILE", str(tmp_path / "acme_secret"))
    (tmp_path / "token").write_text(f"{SECRET}-3\n")
    (tmp_path / "token_secret").write_text(f"{SECRET}-4")
    file = tmp_path / "accounts.toml"
    file.write_text(TWO.format(folder=tmp_path))
    return file


def faults(file: Path) -> list[str]:
    return [str(fault) for fault in read_accounts(file)[1]]


def test_tokens_come_from_the_environment_and_from_files(two: Path) -> None:
    assert faults(two) == []
    acme, beta = make_accounts(two)
    assert (acme.handle, acme.id, acme.token, acme.token_secret) == (
        "Acme",
        "12345",
        f"{SECRET}-1",
        f"{SECRET}-2",
    )
    assert (beta.handle, beta.id, beta.token, beta.token_secret) == (
        "beta_2",
        None,
        f"{SECRET}-3",
        f"{SECRET}-4",
    )


def test_an_account_is_found_by_its_handle_in_any_case_or_its_number(two: Path) -> None:
    accounts = make_accounts(two)
    acme, beta = accounts
    assert accounts.of("ACME") is accounts.of("@acme") is accounts.of("12345") is acme
    assert accounts.of("Beta_2") is beta
    assert accounts.of("gamma") is accounts.of(None) is accounts.of("") is None


def test_no_secret_shows(two: Path) -> None:
    settings, _ = read_accounts(two)
    assert SECRET not in repr(settings)
    assert SECRET not in repr(list(make_accounts(two)))


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[[accounts]]\nid = 1", "handle = None: the account's name"),
        ('[[accounts]]\nhandle = "a b"', "handle = 'a b'"),
        ('[[accounts]]\nhandle = "c"\nid = "x1"', "id = 'x1': the account's number"),
        ('[[accounts]]\nhandle = "c"\ntoken = "canary-secret"', "TOPTWEETS_ACCOUNTS__C__TOKEN"),
        ('[[accounts]]\nhandle = "c"', "give it as TOPTWEETS_ACCOUNTS__C__TOKEN_SECRET"),
        ('[[accounts]]\nhandle = "c"\ntoken_file = "/no/such"', "gives no secret (No such file"),
        ("accounts = 3", "write [[accounts]]"),
        ("[account]\nhandle = 3", "no setting has this name"),
        ("= 3", "cannot be read"),
        ('[[accounts]]\nhandle = "c"\ntokn = "canary-secret"', "token_secret_file; not tokn"),
        ('[[accounts]]\nhandle = "c"\ntokn = "canary-secret"', "give it as TOPTWEETS_ACCOUNTS__C__TOKEN"),
    ],
)
def test_a_fault_names_what_is_wrong_and_the_mend_and_shows_no_secret(
    tmp_path: Path, text: str, told: str
) -> None:
    file = tmp_path / "accounts.toml"
    file.write_text(text)
    found = faults(file)
    assert any(told in fault for fault in found), found
    assert SECRET not in "".join(found)


def test_an_account_named_twice_and_tokens_of_nobody_are_faults(
    two: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    two.write_text(two.read_text() + '\n[[accounts]]\nhandle = "ACME"\n')
    monkeypatch.setenv("TOPTWEETS_ACCOUNTS__SOMEBODY_ELSE__TOKEN", SECRET)
    monkeypatch.setenv("TOPTWEETS_ACCOUNTS__BETA_2__TOKN", SECRET)
    told = faults(two)
    assert any("acme is named twice" in fault for fault in told)
    assert any("TOPTWEETS_ACCOUNTS__SOMEBODY_ELSE__TOKEN: no account of" in fault for fault in told)
    assert "TOPTWEETS_ACCOUNTS__BETA_2__TOKN: did you mean TOPTWEETS_ACCOUNTS__BETA_2__TOKEN?" in told
    assert SECRET not in "".join(told)


def test_the_settings_tell_the_accounts_faults_with_their_own(two: Path) -> None:
    two.write_text('[[accounts]]\nhandle = "acme"\nid = "x"\n')
    given = {
        "kafka": {"topic": "posts"},
        "engagement": {"bearer_token": "t", "accounts_file": str(two)},
        "intake": {"keep_author": False},
        "boards": {"metrics": ["impressions", "url_clicks_28h"]},
    }
    with pytest.raises(SettingsError) as raised:
        load(None, given)
    told = str(raised.value)
    assert "id = 'x'" in told
    assert "engagement.accounts_file" in told
    assert "intake.keep_author" in told
    assert "name a public metric too" in told


@pytest.mark.parametrize(
    ("url", "right"),
    [
        ("https://data-api.example.com", True),
        ("http://127.0.0.1:8090", True),
        ("http://localhost", True),
        ("http://sandbox:8090", False),
        ("http://127.0.0.1.example.com", False),
    ],
)
def test_accounts_need_an_address_that_is_signed_for(two: Path, url: str, right: bool) -> None:
    engagement = {"url": url, "consumer_key": "k", "consumer_secret": "s", "accounts_file": str(two)}
    given = {"kafka": {"topic": "posts"}, "engagement": engagement}
    if right:
        load(None, given)
    else:
        with pytest.raises(SettingsError, match=r"engagement\.url = .* an https address"):
            load(None, given)


def test_tokens_are_passed_over_where_no_file_names_accounts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOPTWEETS_ACCOUNTS__ACME__TOKEN", SECRET)
    settings = load(None, {"kafka": {"topic": "posts"}, "engagement": {"bearer_token": "t"}})
    assert settings.engagement.accounts_file is None


def test_private_boards_need_accounts() -> None:
    given = {
        "kafka": {"topic": "posts"},
        "engagement": {"bearer_token": "t"},
        "boards": {"metrics": ["favorites", "engagement_rate"]},
    }
    with pytest.raises(SettingsError, match=r"only the owner .* engagement\.accounts_file"):
        load(None, given)
