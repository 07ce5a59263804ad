"""Gives Rasa the clinic's words. It only translates: `bot.content` chooses them."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from rasa.core.nlg.response import TemplatedNaturalLanguageGenerator
from rasa.shared.core.domain import Domain
from rasa.shared.core.events import BotUttered, UserUttered
from rasa.shared.core.trackers import DialogueStateTracker
from rasa.utils.endpoints import EndpointConfig

from bot.content import Content, Said
from bot.outcome import ALSO_ASKED, outcome_of
from bot.settings import current
from bot.topics import CRISIS


class ClinicWords(TemplatedNaturalLanguageGenerator):
    """Rasa's response for a key, made of the words in force."""

    def __init__(self, endpoint_config: EndpointConfig, domain: Domain) -> None:
        super().__init__(domain.responses)
        self._content = Content(current().clinic_name)

    async def generate(
        self,
        utter_action: str,
        tracker: DialogueStateTracker,
        output_channel: str,
        *,
        choices: list[str] | None = None,
        form: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> dict[str, Any]:
        """A response as Rasa keeps it, with the fields of CONTRACT.md in its metadata."""
        soft = danger_of(tracker).get("tier") == "soft" and is_first_of_turn(tracker)
        reply = self._content.reply(
            utter_action,
            said_in(tracker),
            choices=choices,
            also=_also_asked(tracker),
            beside=_also_likely(tracker),
            soft=soft,
        )
        response: dict[str, Any] = {
            "text": reply.text,
            "key": reply.key,
            "kind": reply.kind,
            "sources": list(reply.sources),
            "helplines": [asdict(line) for line in reply.helplines],
            # In Rasa's own shells, where a button types its payload, the label is a question.
            "buttons": [
                {"title": choice.title, "payload": choice.title, "choice": choice.choice}
                for choice in reply.choices
            ],
        }
        if form is not None:
            response["form"] = form
        return response


def said_in(tracker: DialogueStateTracker) -> Said:
    """What this conversation has been told, and the danger seen in it, newest first."""
    keys = tuple(
        event.metadata["key"]
        for event in tracker.events
        if isinstance(event, BotUttered) and event.metadata.get("key")
    )
    kinds: dict[str, None] = {}
    for event in reversed(tracker.events):
        if isinstance(event, UserUttered) and event.intent.get("name") == CRISIS:
            seen = (event.parse_data or {}).get("danger") or {}
            kinds.update(dict.fromkeys(seen.get("kinds") or ("any",)))
    return Said(keys=keys, danger=tuple(kinds))


def danger_of(tracker: DialogueStateTracker) -> dict[str, Any]:
    """The signs of danger in the newest message: `tier` and `kinds`, or nothing."""
    message = tracker.latest_message
    return ((message.parse_data or {}).get("danger") or {}) if message else {}


def _also_asked(tracker: DialogueStateTracker) -> str | None:
    """The second topic that the newest message asks about, if its answer is still to come."""
    message = tracker.latest_message
    also = (message.parse_data or {}).get(ALSO_ASKED) if message else None
    return str(also) if also and is_first_of_turn(tracker) else None


def _also_likely(tracker: DialogueStateTracker) -> str | None:
    """Of a message that was answered with a doubt: what else it may have meant."""
    message = tracker.latest_message
    outcome = outcome_of(message.parse_data) if message and message.parse_data else None
    answered = outcome is not None and outcome.kind == "answer" and is_first_of_turn(tracker)
    return next(iter(outcome.suggestions), None) if outcome and answered else None


def is_first_of_turn(tracker: DialogueStateTracker) -> bool:
    for event in reversed(tracker.events):
        if isinstance(event, BotUttered):
            return False
        if isinstance(event, UserUttered):
            return True
    return True
