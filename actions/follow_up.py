"""Answers yes, no, tell me more, just joking: each means what came before it."""

import re
from typing import Any

from rasa_sdk import Action, Tracker
from rasa_sdk.executor import CollectingDispatcher

from actions.contact import offer_form
from actions.conversation import (
    answers_given,
    last_choices,
    messages_of_visitor,
    topic_of_message,
)
from bot.topics import CONTACT, CRISIS, TELL_ME_MORE, shipped_topics

_GOING_ON = re.compile(
    r"(?i)\b(?:more|else|other|others|further|additional|rest|next|then|go on|going|carry on|keep"
    r"|continue)\b"
)


class FollowUp(Action):
    def name(self) -> str:
        return "action_follow_up"

    def run(
        self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: dict[str, Any]
    ) -> list[dict[str, Any]]:
        said = topic_of_message(messages_of_visitor(tracker)[0])
        _FOLLOW_UPS[said](dispatcher, tracker)
        return []


def after_yes(dispatcher: CollectingDispatcher, tracker: Tracker) -> None:
    """A yes takes the only thing that was offered; where there were several, it asks which."""
    offered = last_choices(tracker)
    if offered[:1] == [CONTACT]:
        offer_form(dispatcher, tracker, "utter_contact")
    elif len(offered) == 1:
        dispatcher.utter_message(response=f"utter_{offered[0]}")
    else:
        dispatcher.utter_message(response="utter_yes", choices=offered or _starting_points())


def after_no(dispatcher: CollectingDispatcher, tracker: Tracker) -> None:
    dispatcher.utter_message(response="utter_no")


def tell_more(dispatcher: CollectingDispatcher, tracker: Tracker) -> None:
    """Why, how so, in plain words: the last answer in other words. More: the topic it leads to.

    What is not known about the practice does not grow by asking: then a person is offered.
    """
    given = list(answers_given(tracker))
    topics = shipped_topics()
    last = next((topics[topic] for key in given if (topic := _topic(key)) in topics), None)
    if last is None or not last.next:
        dispatcher.utter_message(response="utter_more_nothing", choices=_starting_points())
        return
    more = [
        topic for topic in last.next if topic.startswith("faq/") and f"utter_{topic}" not in given
    ]
    if given.count(f"utter_{last.id}") == 1 and not _wants_to_go_on(tracker):
        more = [last.id]
    if more and last.id.startswith("faq/"):
        dispatcher.utter_message(response=f"utter_{more[0]}")
    else:
        dispatcher.utter_message(response="utter_more_done", choices=[CONTACT])


def _wants_to_go_on(tracker: Tracker) -> bool:
    """Whether the newest message asks for what comes next, and not about what was said."""
    return bool(_GOING_ON.search(messages_of_visitor(tracker)[0].get("text") or ""))


def after_joke(dispatcher: CollectingDispatcher, tracker: Tracker) -> None:
    in_danger = any(topic_of_message(m) == CRISIS for m in messages_of_visitor(tracker))
    dispatcher.utter_message(response="utter_crisis_joking" if in_danger else "utter_yes")


_FOLLOW_UPS = {
    "affirm": after_yes,
    "deny": after_no,
    TELL_ME_MORE: tell_more,
    "just_joking": after_joke,
}


def _topic(key: str) -> str:
    return key.removeprefix("utter_")


def _starting_points() -> list[str]:
    return list(shipped_topics()["ask_capabilities"].next)
