"""Reads and writes the clinic's tables: every method commits, or raises `StoreError`."""

import hashlib
import secrets
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from alembic import command
from alembic.config import Config

from bot.store.rows import ContactRequest, Feedback, NewContactRequest
from bot.store.tables import contact_requests, danger_counts, feedback, helpline_presses

MIGRATIONS = Path(__file__).with_name("migrations")

# Seconds for a database that somebody else holds: two such waits fit into a visitor's patience.
WAIT = 5

# Letters and digits that nobody confuses when a reference is read over the telephone.
_REFERENCE_ALPHABET = "ABCDEFGHJKMNPQRSTUVWXYZ23456789"


class StoreError(Exception):
    """The database could not do what it was asked; nothing of it was kept."""


class Store:
    """The clinic's database."""

    def __init__(self, url: str) -> None:
        """Opens the database at an SQLAlchemy URL, and brings its tables up to date."""
        self._engine = create_engine(url)
        with self._errors_told():
            self._migrate(url)

    def add_contact_request(self, request: NewContactRequest, now: datetime) -> ContactRequest:
        """Commits a contact request; sent again within a day it gives the row that is there."""
        fingerprint = _fingerprint(request, now)
        with self._errors_told():
            for again in self._fingerprints_of_a_day(request, now):
                if (kept := self._contact_request(again)) is not None:
                    return kept
            try:
                with self._engine.begin() as connection:
                    connection.execute(
                        contact_requests.insert().values(
                            reference=_new_reference(),
                            fingerprint=fingerprint,
                            conversation=request.conversation,
                            received_at=now,
                            name=request.name,
                            email=request.email,
                            phone=request.phone,
                            message=request.message,
                            urgent=request.urgent,
                        )
                    )
            except sa.exc.IntegrityError:
                # Two copies of one request met: the other one was first, and is the row.
                pass
            kept = self._contact_request(fingerprint)
        if kept is None:
            raise StoreError("a contact request could not be kept")
        return kept

    def contact_requests(self) -> list[ContactRequest]:
        """All contact requests, newest first."""
        query = sa.select(contact_requests).order_by(contact_requests.c.id.desc())
        with self._errors_told(), self._engine.connect() as connection:
            return [_contact_request(row) for row in connection.execute(query)]

    def add_feedback(self, given: Feedback, now: datetime) -> None:
        """Keeps what a visitor thought of an answer; a second thought replaces the first."""
        same = sa.and_(
            feedback.c.conversation == given.conversation,
            feedback.c.key == given.key,
        )
        with self._errors_told(), self._engine.begin() as connection:
            connection.execute(feedback.delete().where(same))
            connection.execute(
                feedback.insert().values(
                    conversation=given.conversation,
                    key=given.key,
                    helpful=given.helpful,
                    reason=given.reason,
                    given_at=now,
                )
            )

    def feedback(self) -> list[Feedback]:
        """All feedback, oldest first."""
        query = sa.select(feedback).order_by(feedback.c.id)
        with self._errors_told(), self._engine.connect() as connection:
            return [
                Feedback(row.conversation, row.key, row.helpful, row.reason)
                for row in connection.execute(query)
            ]

    def count_danger(self, day: date, *, tier: str, kind: str, layer: str) -> None:
        """Adds one to the day's count of that tier, kind and layer."""
        self._count(danger_counts, day=day, tier=tier, kind=kind, layer=layer)

    def danger_counts(self) -> dict[tuple[date, str, str, str], int]:
        """Times by day, tier, kind and layer."""
        with self._errors_told(), self._engine.connect() as connection:
            return {
                (row.day, row.tier, row.kind, row.layer): row.times
                for row in connection.execute(sa.select(danger_counts))
            }

    def count_press(self, day: date, line: str) -> None:
        """Adds one to the day's count of visitors who pressed that helpline."""
        self._count(helpline_presses, day=day, line=line)

    def presses(self) -> dict[tuple[date, str], int]:
        """Times that a helpline was pressed, by day and line."""
        with self._errors_told(), self._engine.connect() as connection:
            return {
                (row.day, row.line): row.times
                for row in connection.execute(sa.select(helpline_presses))
            }

    def forget_conversation(self, conversation: str) -> None:
        """Erases the feedback of a conversation.

        A contact request stays: the visitor sent it to the clinic's staff, who answer for it.
        """
        with self._errors_told(), self._engine.begin() as connection:
            connection.execute(feedback.delete().where(feedback.c.conversation == conversation))

    def forget_feedback_before(self, moment: datetime) -> None:
        """Erases feedback that is older than its conversation may be."""
        with self._errors_told(), self._engine.begin() as connection:
            connection.execute(feedback.delete().where(feedback.c.given_at < moment))

    def close(self) -> None:
        self._engine.dispose()

    def _count(self, table: sa.Table, **row: Any) -> None:
        same = sa.and_(*(table.c[name] == value for name, value in row.items()))
        one_more = table.update().where(same).values(times=table.c.times + 1)
        with self._errors_told():
            try:
                with self._engine.begin() as connection:
                    if not connection.execute(one_more).rowcount:
                        connection.execute(table.insert().values(**row, times=1))
            except sa.exc.IntegrityError:
                # Another process wrote the day's first row at the same moment.
                with self._engine.begin() as connection:
                    connection.execute(one_more)

    def _contact_request(self, fingerprint: str) -> ContactRequest | None:
        query = sa.select(contact_requests).where(contact_requests.c.fingerprint == fingerprint)
        with self._engine.connect() as connection:
            row = connection.execute(query).first()
        return None if row is None else _contact_request(row)

    @staticmethod
    def _fingerprints_of_a_day(request: NewContactRequest, now: datetime) -> tuple[str, str]:
        return _fingerprint(request, now), _fingerprint(request, now - timedelta(days=1))

    def _migrate(self, url: str) -> None:
        config = Config()
        config.set_main_option("script_location", str(MIGRATIONS))
        with self._engine.begin() as connection:
            if connection.dialect.name == "postgresql":
                # Several processes may start at once; one of them makes the tables.
                connection.execute(sa.text("SELECT pg_advisory_xact_lock(5005)"))
            config.attributes["connection"] = connection
            command.upgrade(config, "head")

    @contextmanager
    def _errors_told(self) -> Iterator[None]:
        try:
            yield
        except sa.exc.SQLAlchemyError as error:
            raise StoreError(f"the database failed ({type(error).__name__})") from error


def create_engine(url: str, *, durable: bool = True) -> sa.engine.Engine:
    """An engine whose errors quote no visitor, and whose SQLite waits instead of failing.

    What is not `durable` may lose its last moments in a power cut, and waits for no disk.
    """
    options: dict[str, Any] = {"pool_pre_ping": True}
    where = sa.engine.make_url(url)
    if where.get_backend_name() == "sqlite" and where.database:
        # SQLAlchemy would open the file anew, and prepare it, for every query.
        options = {"poolclass": sa.pool.QueuePool, "connect_args": {"check_same_thread": False}}
    if where.get_backend_name() == "postgresql":
        waiting = {"connect_timeout": WAIT, "options": f"-c lock_timeout={WAIT}s"}
        options["connect_args"] = waiting
    engine = sa.create_engine(url, future=True, hide_parameters=True, **options)
    if engine.dialect.name == "sqlite":
        if engine.url.database:
            Path(engine.url.database).parent.mkdir(parents=True, exist_ok=True)
        synchronous = "FULL" if durable else "NORMAL"
        sa.event.listen(engine, "connect", partial(_prepare_sqlite, synchronous))
    return engine


def _prepare_sqlite(synchronous: str, connection: sqlite3.Connection, _record: object) -> None:
    for pragma in (
        "journal_mode=WAL",
        f"synchronous={synchronous}",
        f"busy_timeout={1000 * WAIT}",
        "secure_delete=ON",
    ):
        connection.execute(f"PRAGMA {pragma}")


def _fingerprint(request: NewContactRequest, now: datetime) -> str:
    parts = (
        request.conversation,
        request.name,
        request.email,
        request.phone,
        request.message,
        now.date().isoformat(),
    )
    return hashlib.sha256("\0".join(part or "" for part in parts).encode()).hexdigest()


def _new_reference() -> str:
    letters = [secrets.choice(_REFERENCE_ALPHABET) for _ in range(8)]
    return "".join(letters[:4]) + "-" + "".join(letters[4:])


def _contact_request(row: sa.engine.Row) -> ContactRequest:
    return ContactRequest(
        id=row.id,
        reference=row.reference,
        conversation=row.conversation,
        received_at=row.received_at,
        name=row.name,
        email=row.email,
        phone=row.phone,
        message=row.message,
        urgent=row.urgent,
    )
