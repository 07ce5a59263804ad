"""Every deployment choice, read once from a given environment. Nothing else reads it."""

import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent


class Row(NamedTuple):
    """One setting as a person reads it."""

    name: str
    default: str
    help: str


ROWS = (
    Row("BOT_CLINIC_NAME", "Therapy Heals Toronto", "The clinic's name, as visitors read it."),
    Row("BOT_CHAT_HOST", "127.0.0.1", "Address on which the chat listens."),
    Row("BOT_CHAT_PORT", "5005", "Port of the chat."),
    Row(
        "BOT_DATABASE_URL",
        "sqlite:///var/rapport.db",
        "SQLAlchemy URL of the database; SQLite or PostgreSQL.",
    ),
    Row(
        "BOT_SECRET",
        "",
        "Key that signs conversation tokens, 32 characters or more; left empty, one is made and"
        " kept in var/secret. BOT_SECRET_FILE names a file that holds it instead.",
    ),
    Row("BOT_MODELS", "models", "Folder of the trained models and the sentence encoders."),
    Row("BOT_ENCODER", "large", "Sentence encoder: large (best answers) or small (least memory)."),
    Row(
        "BOT_WEIGHTS",
        "",
        "The encoders' official files, a folder in it for each, where there is no package index.",
    ),
    Row(
        "BOT_RATE_LIMIT",
        "30",
        "Messages a minute from one address; contact requests a fifth of it; 0 for no limit.",
    ),
    Row(
        "BOT_TRUSTED_PROXIES",
        "0",
        "How many proxies of yours stand before the chat; the visitor's address is read that far"
        " back in X-Forwarded-For.",
    ),
    Row(
        "BOT_ALLOWED_ORIGINS",
        "",
        "Sites that may embed the chat, such as https://clinic.example, separated by spaces.",
    ),
    Row(
        "BOT_KEEP_CONVERSATIONS_DAYS",
        "30",
        "Days after its last message at which a conversation is erased.",
    ),
)


class SettingsError(ValueError):
    """A setting that cannot be used; the message names it, its value, and what would do."""


@dataclass(frozen=True)
class Settings:
    """The choices of one deployment."""

    clinic_name: str
    chat_host: str
    chat_port: int
    database_url: str
    secret: str
    models: Path
    encoder: str
    weights: Path | None
    rate_limit: int
    trusted_proxies: int
    allowed_origins: tuple[str, ...]
    keep_conversations_days: int

    @classmethod
    def from_env(cls, environ: Mapping[str, str], *, root: Path = ROOT) -> "Settings":
        """Reads all settings; relative paths lie under `root`. `SettingsError` on an odd value."""
        reader = _Reader(environ)
        weights = reader.text("BOT_WEIGHTS")
        return cls(
            clinic_name=reader.text("BOT_CLINIC_NAME"),
            chat_host=reader.text("BOT_CHAT_HOST"),
            chat_port=reader.number("BOT_CHAT_PORT", 1, 65535),
            database_url=_database_url(reader.text("BOT_DATABASE_URL"), root),
            secret=_secret(reader, root / "var" / "secret"),
            models=root / reader.text("BOT_MODELS"),
            encoder=reader.choice("BOT_ENCODER", ("large", "small")),
            weights=root / weights if weights else None,
            rate_limit=reader.number("BOT_RATE_LIMIT", 0, 100_000),
            trusted_proxies=reader.number("BOT_TRUSTED_PROXIES", 0, 10),
            allowed_origins=_origins(reader.text("BOT_ALLOWED_ORIGINS")),
            keep_conversations_days=reader.number("BOT_KEEP_CONVERSATIONS_DAYS", 1, 3650),
        )


@cache
def current() -> Settings:
    """The settings of this process, for adapters that Rasa builds by name."""
    return Settings.from_env(os.environ)


class _Reader:
    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ
        self._defaults = {row.name: row.default for row in ROWS}
        known = set(self._defaults) | {"BOT_SECRET_FILE"}
        for name in environ:
            if name.startswith("BOT_") and name not in known:
                raise SettingsError(f"{name} is no setting; the README lists those there are")

    def text(self, name: str) -> str:
        return self._environ.get(name, "").strip() or self._defaults[name]

    def optional(self, name: str) -> str:
        return self._environ.get(name, "").strip()

    def number(self, name: str, least: int, most: int) -> int:
        value = self.text(name)
        if not value.isdecimal() or not least <= int(value) <= most:
            raise SettingsError(
                f"{name} is {value!r}; give a whole number from {least} to {most},"
                f" such as {self._defaults[name]}"
            )
        return int(value)

    def choice(self, name: str, choices: tuple[str, ...]) -> str:
        value = self.text(name)
        if value not in choices:
            raise SettingsError(f"{name} is {value!r}; give one of {', '.join(choices)}")
        return value


def _database_url(value: str, root: Path) -> str:
    kind, separator, rest = value.partition("://")
    if not separator or kind.split("+")[0] not in ("sqlite", "postgresql"):
        raise SettingsError(
            "BOT_DATABASE_URL is no address of a database that this project knows; give one such as"
            " sqlite:///var/rapport.db or postgresql://user:password@host/name"
        )
    if kind.startswith("sqlite") and rest.startswith("/") and not rest.startswith("//"):
        return f"{kind}:///{root / rest[1:]}"
    return value


def _origins(value: str) -> tuple[str, ...]:
    origins = tuple(value.split())
    for origin in origins:
        scheme, _, host = origin.partition("://")
        if scheme not in ("http", "https") or not host or "/" in host or "*" in host:
            raise SettingsError(
                f"BOT_ALLOWED_ORIGINS names {origin!r}; give the site alone, such as https://clinic.example"
            )
    return origins


def _secret(reader: _Reader, kept: Path) -> str:
    secret = reader.optional("BOT_SECRET")
    if not secret and (named := reader.optional("BOT_SECRET_FILE")):
        try:
            secret = Path(named).read_text(encoding="utf-8").strip()
        except OSError as error:
            raise SettingsError(
                f"BOT_SECRET_FILE is {named!r}, which cannot be read ({error.strerror})"
            ) from error
    if not secret:
        secret = _made_secret(kept)
    if len(secret) < 32:
        raise SettingsError("BOT_SECRET is too short to be safe; give 32 characters or more")
    return secret


def _made_secret(path: Path) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return path.read_text(encoding="utf-8").strip()
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(secret := secrets.token_urlsafe(32))
    return secret
