"""Counts of pressed helplines."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.create_table(
        "helpline_presses",
        sa.Column("day", sa.Date, primary_key=True),
        sa.Column("line", sa.String(120), primary_key=True),
        sa.Column("times", sa.Integer, nullable=False),
    )


def downgrade() -> None:
    op.drop_table("helpline_presses")
