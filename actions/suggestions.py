"""Answers what alone is not understood: what the answer before it makes clear, likely topics, or an
honest sentence; lost twice, the form."""

from itertools import takewhile
from typing import Any

from rasa_sdk import Action, Tracker
from rasa_sdk.executor import CollectingDispatcher

from actions.contact import offer_form
from actions.conversation import answers_given, messages_of_visitor, topic_of_message
from actions.follow_up import tell_more
from bot.outcome import IN_CONTEXT, outcome_of
from bot.topics import CONTACT, FALLBACK, TELL_ME_MORE


class Suggest(Action):
    def name(self) -> str:
        return "action_suggest"

    def run(
        self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: dict[str, Any]
    ) -> list[dict[str, Any]]:
        messages = messages_of_visitor(tracker)
        outcome = outcome_of(messages[0]["parse_data"])
        asked = after_answer(tracker)
        lost = sum(1 for _ in takewhile(lambda m: topic_of_message(m) == FALLBACK, messages))
        if asked == TELL_ME_MORE:
            tell_more(dispatcher, tracker)
        elif asked:
            dispatcher.utter_message(response=f"utter_{asked}")
        elif outcome.suggestions:
            choices = [*outcome.suggestions, CONTACT]
            dispatcher.utter_message(response="utter_suggestions", choices=choices)
        elif lost > 1:
            offer_form(dispatcher, tracker, "utter_lost_again")
        else:
            dispatcher.utter_message(response="utter_lost")
        return []


def after_answer(tracker: Tracker) -> str | None:
    """What the newest message asks for if it is taken with the answer before it."""
    answered = next(answers_given(tracker), "").removeprefix("utter_")
    in_context: dict[str, str] = messages_of_visitor(tracker)[0]["parse_data"].get(IN_CONTEXT) or {}
    return in_context.get(answered)
