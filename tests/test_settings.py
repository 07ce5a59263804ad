"""Settings are read once, from what is given, and an odd one stops the start with a sentence."""

from pathlib import Path

import pytest

from bot.settings import ROOT, ROWS, Settings, SettingsError

SECRET = {"BOT_SECRET": "k" * 32}


def test_an_empty_environment_gives_the_defaults(tmp_path: Path) -> None:
    settings = Settings.from_env({}, root=tmp_path)
    assert settings.clinic_name == "Therapy Heals Toronto"
    assert settings.chat_port == 5005
    assert settings.encoder == "large"
    assert settings.database_url == f"sqlite:///{tmp_path}/var/rapport.db"


def test_an_empty_value_counts_as_none() -> None:
    assert Settings.from_env({**SECRET, "BOT_CHAT_PORT": "  "}).chat_port == 5005


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("BOT_CHAT_PORT", "abc", "BOT_CHAT_PORT is 'abc'; give a whole number from 1 to 65535"),
        ("BOT_CHAT_PORT", "0", "from 1 to 65535, such as 5005"),
        ("BOT_RATE_LIMIT", "-1", "BOT_RATE_LIMIT is '-1'"),
        ("BOT_ENCODER", "huge", "give one of large, small"),
        ("BOT_DATABASE_URL", "mysql://x", "sqlite:///var/rapport.db"),
        ("BOT_DATABASE_URL", "rapport.db", "no address of a database"),
        ("BOT_ALLOWED_ORIGINS", "clinic.example", "https://clinic.example"),
        ("BOT_ALLOWED_ORIGINS", "https://*.example", "give the site alone"),
        ("BOT_ALLOWED_ORIGINS", "https://a.example/path", "give the site alone"),
        ("BOT_SECRET", "short", "32 characters or more"),
        ("BOT_SECRET_FILE", "/no/such/file", "cannot be read"),
        ("BOT_CHAT_PROT", "1", "BOT_CHAT_PROT is no setting"),
    ],
)
def test_an_odd_value_is_refused_with_a_sentence(name: str, value: str, says: str) -> None:
    given = {name: value} if name.startswith("BOT_SECRET") else {**SECRET, name: value}
    with pytest.raises(SettingsError) as refused:
        Settings.from_env(given)
    assert says in str(refused.value)


def test_a_refused_database_address_is_not_repeated() -> None:
    """It may hold a password."""
    with pytest.raises(SettingsError) as refused:
        Settings.from_env({**SECRET, "BOT_DATABASE_URL": "mysql://me:hunter2@host/db"})
    assert "hunter2" not in str(refused.value)


def test_a_secret_is_made_once_and_kept_to_its_owner(tmp_path: Path) -> None:
    first = Settings.from_env({}, root=tmp_path).secret
    assert Settings.from_env({}, root=tmp_path).secret == first
    assert (tmp_path / "var" / "secret").stat().st_mode & 0o077 == 0


def test_a_secret_may_lie_in_a_file(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("f" * 40 + "\n")
    settings = Settings.from_env({"BOT_SECRET_FILE": str(tmp_path / "key")}, root=tmp_path)
    assert settings.secret == "f" * 40


def test_every_setting_stands_in_the_readme() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    for row in ROWS:
        assert f"`{row.name}`" in readme, row.name
        assert not row.default or f"`{row.default}`" in readme, row.default
