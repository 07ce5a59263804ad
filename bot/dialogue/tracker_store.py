"""Keeps conversations in the clinic's database, and can erase them."""

from __future__ import annotations

import json
from datetime import datetime
from itertools import islice
from typing import Any

import sqlalchemy as sa
from rasa.core.brokers.broker import EventBroker
from rasa.core.tracker_store import SQLTrackerStore, TrackerStore
from rasa.shared.core.domain import Domain
from rasa.shared.core.events import SessionStarted
from rasa.shared.core.trackers import DialogueStateTracker
from sqlalchemy.orm import sessionmaker

from bot.settings import current
from bot.store.store import create_engine

# On a tracker: how many of its events the database has.
KEPT = "events_kept"


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
        self._events = self.SQLEvent.__table__
        TrackerStore.__init__(self, domain, event_broker)

    async def retrieve(self, sender_id: str) -> DialogueStateTracker | None:
        """The conversation since it began anew; Rasa asks for it at every message."""
        events = self._events
        here = events.c.sender_id == sender_id
        began = (
            sa.select(sa.func.max(events.c.id))
            .where(here, events.c.type_name == SessionStarted.type_name)
            .scalar_subquery()
        )
        wanted = (
            sa.select(events.c.data)
            .where(here, events.c.id >= sa.func.coalesce(began, 0))
            .order_by(events.c.id)
        )
        with self.engine.connect() as connection:
            kept = [json.loads(data) for data in connection.execute(wanted).scalars()]
        if not kept:
            return None
        tracker = DialogueStateTracker.from_dict(sender_id, kept, self.domain.slots)
        setattr(tracker, KEPT, len(tracker.events))
        return tracker

    async def save(self, tracker: DialogueStateTracker) -> None:
        """Adds what was said since the conversation was retrieved or saved."""
        await self.stream_events(tracker)
        rows = [
            {
                "sender_id": tracker.sender_id,
                "type_name": event.type_name,
                "timestamp": event.timestamp,
                "data": json.dumps(event.as_dict()),
            }
            for event in islice(tracker.events, getattr(tracker, KEPT, 0), None)
        ]
        if rows:
            with self.engine.begin() as connection:
                connection.execute(self._events.insert(), rows)
        setattr(tracker, KEPT, len(tracker.events))

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
