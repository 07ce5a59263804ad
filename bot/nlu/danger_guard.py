"""Sees signs of danger. Last in the pipeline: no classifier may overrule it."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from rasa.engine.graph import ExecutionContext, GraphComponent
from rasa.engine.recipes.default_recipe import DefaultV1Recipe
from rasa.engine.storage.resource import Resource
from rasa.engine.storage.storage import ModelStorage
from rasa.shared.nlu.constants import (
    INTENT,
    INTENT_NAME_KEY,
    INTENT_RANKING_KEY,
    PREDICTED_CONFIDENCE_KEY,
    TEXT,
)
from rasa.shared.nlu.training_data.message import Message

from bot.crisis import Danger, Tier, combine, only_harmless, signs_of_danger
from bot.nlu.spelling_repair import REPAIRED
from bot.outcome import DANGER, SUGGESTIONS, TOPIC_MODEL
from bot.topics import CRISIS


@DefaultV1Recipe.register(DefaultV1Recipe.ComponentType.INTENT_CLASSIFIER, is_trainable=False)
class DangerGuard(GraphComponent):
    """Rules over the text, as written and as repaired, and the topic model's own suspicion."""

    @staticmethod
    def get_default_config() -> dict[str, Any]:
        return {
            # The topic model's probability of `crisis` from which help is shown,
            "full_at": 0.5,
            # and from which the line with 9-8-8 is added to the answer.
            "soft_at": 0.2,
        }

    def __init__(self, config: dict[str, Any]) -> None:
        self._config = config

    @classmethod
    def create(
        cls,
        config: dict[str, Any],
        model_storage: ModelStorage,
        resource: Resource,
        execution_context: ExecutionContext,
    ) -> DangerGuard:
        return cls(config)

    def process(self, messages: list[Message]) -> list[Message]:
        for message in messages:
            danger = self._danger_in(message)
            if danger is None:
                continue
            message.set(DANGER, asdict(danger), add_to_output=True)
            if danger.tier == "full":
                intent = {INTENT_NAME_KEY: CRISIS, PREDICTED_CONFIDENCE_KEY: 1.0}
                rest = [
                    other
                    for other in message.get(INTENT_RANKING_KEY) or []
                    if other[INTENT_NAME_KEY] != CRISIS
                ]
                message.set(INTENT, intent, add_to_output=True)
                message.set(INTENT_RANKING_KEY, [intent, *rest], add_to_output=True)
                message.set(SUGGESTIONS, [], add_to_output=True)
        return messages

    def _danger_in(self, message: Message) -> Danger | None:
        text = message.get(TEXT) or ""
        danger = signs_of_danger(text)
        repaired = message.get(REPAIRED)
        if repaired and repaired != text:
            danger = combine(danger, signs_of_danger(repaired))
        return combine(danger, self._suspicion(message, text))

    def _suspicion(self, message: Message, text: str) -> Danger | None:
        probability = next(
            (
                intent[PREDICTED_CONFIDENCE_KEY]
                for intent in message.get(INTENT_RANKING_KEY) or []
                if intent[INTENT_NAME_KEY] == CRISIS
            ),
            0.0,
        )
        if probability < self._config["soft_at"] or only_harmless(text):
            return None
        tier: Tier = "full" if probability >= self._config["full_at"] else "soft"
        return Danger(tier=tier, kinds=("any",), rules=(TOPIC_MODEL,))
