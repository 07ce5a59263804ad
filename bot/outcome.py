"""How an understanding is written in Rasa's parse data, and what follows from it.

The one rule for the model, channel, actions and evaluation, so that what is measured is what
visitors get: an answer, suggestions, or an honest 'I did not understand'.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from bot.topics import FALLBACK, Topic

Kind = Literal["answer", "suggestions", "unknown"]

# Calibrated confidences (bot/nlu/topic_model.py): from here on an answer is given.
ANSWER_AT = 0.5
MOST_SUGGESTIONS = 3

SUGGESTIONS = "suggestions"
LIKELIEST = "likeliest_topic"  # in scope, sure or not
ALSO_ASKED = "also_asked"  # a second topic, where a message asks two things
IN_CONTEXT = "in_context"  # of what is not understood alone: what it asks for after which answer
DANGER = "danger"
DANGER_SCORE = "danger_score"  # the danger model's, for its evaluation; never kept
# What the danger guard writes, beside the names of rules, where it was a model that saw danger.
DANGER_MODEL = "danger model"
TOPIC_MODEL = "topic model"
MODELS = frozenset({DANGER_MODEL, TOPIC_MODEL})


@dataclass(frozen=True)
class Outcome:
    """`topic` is FALLBACK unless the kind is `answer`; beside one, `suggestions` are what else may
    be meant."""

    kind: Kind
    topic: str
    confidence: float
    suggestions: tuple[str, ...] = ()
    also: str | None = None  # a second topic that is answered with it


def outcome_of(parse_data: Mapping[str, Any]) -> Outcome:
    """What is done with one message, from its parse data."""
    confidence = float(parse_data["intent"].get("confidence") or 0.0)
    topic = topic_of(parse_data)
    suggestions = tuple(parse_data.get(SUGGESTIONS) or ())[:MOST_SUGGESTIONS]
    if topic != FALLBACK:
        return Outcome("answer", topic, confidence, suggestions, parse_data.get(ALSO_ASKED))
    return Outcome("suggestions" if suggestions else "unknown", FALLBACK, confidence, suggestions)


def topic_of(parse_data: Mapping[str, Any]) -> str:
    """The topic's id: for a retrieval intent the response selector's choice."""
    intent = str(parse_data["intent"].get("name") or FALLBACK)
    selected = (parse_data.get("response_selector") or {}).get(intent)
    return str(selected["response"]["intent_response_key"]) if selected else intent


def parse_data_of_choice(topic: Topic) -> dict[str, Any]:
    """The parse data of a pressed button: no guess, the topic itself."""
    return {
        "text": topic.label,
        "intent": {"name": topic.intent, "confidence": 1.0},
        "entities": [],
        "response_selector": response_selector([(topic.id, 1.0)]),
    }


def response_selector(ranking: Sequence[tuple[str, float]]) -> dict[str, Any]:
    """Rasa's response selector output for the retrieval intents in a ranking of topics."""
    by_intent: dict[str, list[dict[str, Any]]] = {}
    for topic, confidence in ranking:
        if "/" in topic:
            by_intent.setdefault(topic.split("/")[0], []).append(
                {
                    "confidence": confidence,
                    "intent_response_key": topic,
                    "utter_action": f"utter_{topic}",
                }
            )
    return {
        "all_retrieval_intents": list(by_intent),
        **{
            intent: {"response": responses[0], "ranking": responses}
            for intent, responses in by_intent.items()
        },
    }
