"""The tables; `migrations/` brings a database to them."""

from datetime import datetime, timezone

import sqlalchemy as sa
from sqlalchemy.engine import Dialect


class UTC(sa.types.TypeDecorator[datetime]):
    """A moment, aware and in UTC on both sides, whatever the database keeps."""

    impl = sa.DateTime
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        return value and value.astimezone(timezone.utc).replace(tzinfo=None)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        return value and value.replace(tzinfo=timezone.utc)


metadata = sa.MetaData()

contact_requests = sa.Table(
    "contact_requests",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("reference", sa.String(16), nullable=False, unique=True),
    # The same request sent twice (a retry of a lost reply) is one row.
    sa.Column("fingerprint", sa.String(64), nullable=False, unique=True),
    sa.Column("conversation", sa.String(64), nullable=False, index=True),
    sa.Column("received_at", UTC, nullable=False),
    sa.Column("name", sa.String(200), nullable=False),
    sa.Column("email", sa.String(320)),
    sa.Column("phone", sa.String(40)),
    sa.Column("message", sa.Text, nullable=False),
    sa.Column("urgent", sa.Boolean, nullable=False),
)

feedback = sa.Table(
    "feedback",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("conversation", sa.String(64), nullable=False, index=True),
    sa.Column("key", sa.String(80), nullable=False),
    sa.Column("helpful", sa.Boolean, nullable=False),
    sa.Column("reason", sa.Text),
    sa.Column("given_at", UTC, nullable=False),
)

# Counts without words: which layer saw which kind of danger on which day.
danger_counts = sa.Table(
    "danger_counts",
    metadata,
    sa.Column("day", sa.Date, primary_key=True),
    sa.Column("tier", sa.String(8), primary_key=True),
    sa.Column("kind", sa.String(24), primary_key=True),
    sa.Column("layer", sa.String(16), primary_key=True),
    sa.Column("times", sa.Integer, nullable=False),
)

# How often visitors pressed a helpline on a day, whether danger had been seen or not.
helpline_presses = sa.Table(
    "helpline_presses",
    metadata,
    sa.Column("day", sa.Date, primary_key=True),
    sa.Column("line", sa.String(120), primary_key=True),
    sa.Column("times", sa.Integer, nullable=False),
)
