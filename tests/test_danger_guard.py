"""The guard: what rules, danger model and topic model show together. Models without members here:
their thresholds make them see all, nothing, or a hint."""

import pytest
from rasa.engine.storage.resource import Resource
from rasa.shared.nlu.constants import INTENT, INTENT_RANKING_KEY, TEXT
from rasa.shared.nlu.training_data.message import Message

from bot.nlu.danger_guard import DangerGuard
from bot.nlu.danger_model import DangerModel
from bot.outcome import DANGER, SUGGESTIONS
from bot.settings import current

SEES_ALL = DangerModel({}, full_at=-1.0, soft_at=-2.0)
SEES_A_HINT = DangerModel({}, full_at=1.0, soft_at=-1.0)
SEES_NOTHING = DangerModel({}, full_at=2.0, soft_at=1.0)

PLAIN = "what is relational therapy"
SAID = "I want to die"
LONG_AGO = "in 1971 i wanted to die"
HINTED = "everyone would be better off without me"


def guarded(model: DangerModel, text: str, topic: str = "faq") -> Message:
    intent = {"name": topic, "confidence": 0.9}
    message = Message({TEXT: text, INTENT: intent, INTENT_RANKING_KEY: [intent]})
    DangerGuard(model, Resource("guard")).process([message])
    return message


def tier(message: Message) -> str | None:
    return (message.get(DANGER) or {}).get("tier")


@pytest.mark.parametrize(
    ("model", "text", "topic", "shown", "intent"),
    [
        (SEES_NOTHING, PLAIN, "faq", None, "faq"),
        (SEES_A_HINT, PLAIN, "faq", "soft", "faq"),
        (SEES_ALL, PLAIN, "faq", "full", "crisis"),
        (SEES_ALL, SAID, "faq", "full", "crisis"),
        (SEES_A_HINT, SAID, "faq", "full", "crisis"),
        # A rule alone shows the line, unless it stands alone.
        (SEES_NOTHING, HINTED, "faq", "soft", "faq"),
        (SEES_A_HINT, HINTED, "faq", "full", "crisis"),
        (SEES_NOTHING, SAID, "faq", "full", "crisis"),
        (SEES_NOTHING, LONG_AGO, "faq", "soft", "faq"),
        (SEES_NOTHING, "je veux mourir", "faq", "full", "crisis"),
        # The topic model alone shows the line, and kindness; with a hint, the full reply.
        (SEES_NOTHING, PLAIN, "crisis", "soft", "personal_distress"),
        (SEES_A_HINT, PLAIN, "crisis", "full", "crisis"),
    ],
)
def test_what_the_layers_show_together(
    model: DangerModel, text: str, topic: str, shown: str | None, intent: str
) -> None:
    message = guarded(model, text, topic)
    assert tier(message) == shown
    assert message.get(INTENT)["name"] == intent


def test_a_harmless_idiom_lowers_what_the_model_sees() -> None:
    assert tier(guarded(SEES_ALL, "this traffic is killing me")) is None


def test_an_idiom_that_the_topic_model_takes_for_a_crisis_is_met_kindly() -> None:
    message = guarded(SEES_NOTHING, "this traffic is killing me", "crisis")
    assert tier(message) is None
    assert message.get(INTENT)["name"] == "personal_distress"


def test_after_danger_nothing_is_suggested() -> None:
    message = guarded(SEES_ALL, SAID)
    assert message.get(SUGGESTIONS) == []
    assert [intent["name"] for intent in message.get(INTENT_RANKING_KEY)] == ["crisis", "faq"]


def test_it_says_which_layers_saw_it() -> None:
    danger = guarded(SEES_ALL, SAID, "crisis").get(DANGER)
    assert {"danger model", "topic model", "Wants to die"} <= set(danger["rules"])


@pytest.mark.model
class TestWhatIsInBetween:
    """By the model as it is shipped."""

    @pytest.fixture(scope="class")
    def shipped(self) -> DangerModel:
        return DangerModel.shipped("large", current())

    @pytest.mark.parametrize(
        "text",
        [
            "I attempted suicide ten years ago and I'm fine now, do you see people like me?",
            "what would a therapist do if a client said they were suicidal?",
        ],
    )
    @pytest.mark.parametrize("topic", ["faq", "crisis"])
    def test_it_is_answered_with_the_line(
        self, shipped: DangerModel, text: str, topic: str
    ) -> None:
        message = guarded(shipped, text, topic)
        assert tier(message) == "soft"
        assert message.get(INTENT)["name"] != "crisis"

    def test_but_a_direct_statement_is_not(self, shipped: DangerModel) -> None:
        text = "I attempted suicide ten years ago, and now I want to kill myself again."
        assert tier(guarded(shipped, text)) == "full"
