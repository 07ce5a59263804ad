"""Contact requests, feedback, and counts of danger."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.create_table(
        "contact_requests",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("reference", sa.String(16), nullable=False, unique=True),
        sa.Column("fingerprint", sa.String(64), nullable=False, unique=True),
        sa.Column("conversation", sa.String(64), nullable=False, index=True),
        sa.Column("received_at", sa.DateTime, nullable=False),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("email", sa.String(320)),
        sa.Column("phone", sa.String(40)),
        sa.Column("message", sa.Text, nullable=False),
        sa.Column("urgent", sa.Boolean, nullable=False),
    )
    op.create_table(
        "feedback",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("conversation", sa.String(64), nullable=False, index=True),
        sa.Column("key", sa.String(80), nullable=False),
        sa.Column("helpful", sa.Boolean, nullable=False),
        sa.Column("reason", sa.Text),
        sa.Column("given_at", sa.DateTime, nullable=False),
    )
    op.create_table(
        "danger_counts",
        sa.Column("day", sa.Date, primary_key=True),
        sa.Column("tier", sa.String(8), primary_key=True),
        sa.Column("kind", sa.String(24), primary_key=True),
        sa.Column("layer", sa.String(16), primary_key=True),
        sa.Column("times", sa.Integer, nullable=False),
    )


def downgrade() -> None:
    for table in ("danger_counts", "feedback", "contact_requests"):
        op.drop_table(table)
