"""What an action needs to know of the conversation so far."""

from collections.abc import Iterator
from typing import Any

from rasa_sdk import Tracker


def answers_given(tracker: Tracker) -> Iterator[str]:
    """The keys of the answers, newest first."""
    for event in reversed(tracker.events):
        if event["event"] == "bot" and (key := (event.get("metadata") or {}).get("key")):
            yield key


def last_choices(tracker: Tracker) -> list[str]:
    """The topics that the newest answer offered."""
    for event in reversed(tracker.events):
        if event["event"] == "bot":
            buttons = (event.get("data") or {}).get("buttons") or []
            return [button["choice"] for button in buttons if "choice" in button]
    return []


def messages_of_visitor(tracker: Tracker) -> list[dict[str, Any]]:
    """The visitor's messages, newest first."""
    return [event for event in reversed(tracker.events) if event["event"] == "user"]


def topic_of_message(message: dict[str, Any]) -> str:
    return str(message["parse_data"]["intent"].get("name"))
