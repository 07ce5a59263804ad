"""Keeps conversations in the clinic's database, and can erase them."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from rasa.core.brokers.broker import EventBroker
from rasa.core.tracker_store import SQLTrackerStore, TrackerStore
from rasa.shared.core.domain import Domain
from sqlalchemy.orm import sessionmaker

from bot.settings import current
from bot.store.store import create_engine


class ConversationStore(SQLTrackerStore):
    """Rasa's SQL store on our engine: its errors quote nobody, and a conversation has an end."""

    def __init__(
        self,
        domain: Domain | None = None,
        event_broker: EventBroker | None = None,
        **_endpoint: Any,
    ) -> None:
        # Rasa's own constructor waits for ever for a missing database; ours fails at once.
        self.engine = create_engine(current().database_url, durable=False)
        self.Base.metadata.create_all(self.engine)
        self.sessionmaker = sessionmaker(bind=self.engine)
        TrackerStore.__init__(self, domain, event_broker)

    def erase(self, conversation: str) -> None:
        """Deletes every event of a conversation."""
        self._delete(self.SQLEvent.sender_id == conversation)

    def erase_older_than(self, moment: datetime) -> None:
        """Deletes the conversations whose last event is older than that."""
        events = self.SQLEvent
        newest = sa.func.max(events.timestamp)
        old = (
            sa.select(events.sender_id)
            .group_by(events.sender_id)
            .having(newest < moment.timestamp())
        )
        self._delete(events.sender_id.in_(old))

    def _delete(self, which: Any) -> None:
        with self.session_scope() as session:
            doomed = sa.delete(self.SQLEvent).where(which)
            session.execute(doomed, execution_options={"synchronize_session": False})
            session.commit()
