"""Hands over to a person: offers the contact form, filled in with what was said."""

from typing import Any

from rasa_sdk import Action, Tracker
from rasa_sdk.executor import CollectingDispatcher

from actions.conversation import messages_of_visitor, topic_of_message
from bot.contact import ACTION, FIELDS
from bot.topics import FALLBACK

# A question of these kinds is worth carrying over: the visitor would only have to type it again.
_ASKED = ("faq", "practical", FALLBACK)


class OfferContactForm(Action):
    def name(self) -> str:
        return "action_offer_contact_form"

    def run(
        self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: dict[str, Any]
    ) -> list[dict[str, Any]]:
        offer_form(dispatcher, tracker, "utter_contact")
        return []


def offer_form(dispatcher: CollectingDispatcher, tracker: Tracker, key: str) -> None:
    """Says the words of a key, with the form below them."""
    form = {"action": ACTION, "fields": list(FIELDS), "prefill": prefill(tracker)}
    dispatcher.utter_message(response=key, form=form, choices=[])


def prefill(tracker: Tracker) -> dict[str, str]:
    """The last question that the clinic has not answered, as far as it was kept."""
    for message in messages_of_visitor(tracker)[1:]:
        if topic_of_message(message) in _ASKED and message.get("text"):
            return {"message": message["text"]}
    return {}
