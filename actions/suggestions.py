"""Answers what was not understood: likely topics, or an honest sentence; lost twice, the form."""

from itertools import takewhile
from typing import Any

from rasa_sdk import Action, Tracker
from rasa_sdk.executor import CollectingDispatcher

from actions.contact import offer_form
from actions.conversation import messages_of_visitor, topic_of_message
from bot.outcome import outcome_of
from bot.topics import CONTACT, FALLBACK


class Suggest(Action):
    def name(self) -> str:
        return "action_suggest"

    def run(
        self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: dict[str, Any]
    ) -> list[dict[str, Any]]:
        messages = messages_of_visitor(tracker)
        outcome = outcome_of(messages[0]["parse_data"])
        lost = sum(1 for _ in takewhile(lambda m: topic_of_message(m) == FALLBACK, messages))
        if outcome.suggestions:
            choices = [*outcome.suggestions, CONTACT]
            dispatcher.utter_message(response="utter_suggestions", choices=choices)
        elif lost > 1:
            offer_form(dispatcher, tracker, "utter_lost_again")
        else:
            dispatcher.utter_message(response="utter_lost")
        return []
