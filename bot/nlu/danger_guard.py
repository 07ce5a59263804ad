"""Sees signs of danger. Last in the pipeline: no classifier may overrule it."""

from __future__ import annotations

import logging
from dataclasses import asdict, replace
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
from rasa.shared.nlu.training_data.training_data import TrainingData

from bot.crisis import (
    Danger,
    combine,
    only_harmless,
    shipped_rules,
    signs_of_danger,
    undisguised,
)
from bot.nlu.danger_model import DangerModel
from bot.nlu.sentence_encoder import ENCODER_KEY
from bot.nlu.spelling_repair import REPAIRED
from bot.outcome import ALSO_ASKED, DANGER, DANGER_MODEL, DANGER_SCORE, SUGGESTIONS, TOPIC_MODEL
from bot.settings import current
from bot.topics import CRISIS, DISTRESS

logger = logging.getLogger(__name__)


@DefaultV1Recipe.register(DefaultV1Recipe.ComponentType.INTENT_CLASSIFIER, is_trainable=True)
class DangerGuard(GraphComponent):
    """Three layers look: the rules, the danger model, and the topic model. Any may raise the alarm.

    The topic model was not made for it: where it alone sees danger, the alarm is the soft one.
    """

    @staticmethod
    def get_default_config() -> dict[str, Any]:
        return {
            # That of the SentenceEncoder; None takes what BOT_ENCODER says.
            ENCODER_KEY: None,
        }

    def __init__(self, model: DangerModel, resource: Resource) -> None:
        self._model = model
        self._resource = resource

    @classmethod
    def create(
        cls,
        config: dict[str, Any],
        model_storage: ModelStorage,
        resource: Resource,
        execution_context: ExecutionContext,
    ) -> DangerGuard:
        settings = current()
        model = DangerModel.shipped(config[ENCODER_KEY] or settings.encoder, settings)
        versions = shipped_rules().version, model.version
        logger.info("danger is looked for by rules %s and model %s", *versions)
        return cls(model, resource)

    def train(self, training_data: TrainingData) -> Resource:
        """Learns nothing: the danger model is shipped. But what it needs is there afterwards."""
        return self._resource

    def process(self, messages: list[Message]) -> list[Message]:
        for message in messages:
            danger = self._danger_in(message)
            if danger is not None:
                message.set(DANGER, asdict(danger), add_to_output=True)
            if danger is not None and danger.tier == "full":
                _set_intent(message, CRISIS)
            elif _topic(message) == CRISIS:
                _set_intent(message, DISTRESS)
        return messages

    def _danger_in(self, message: Message) -> Danger | None:
        text = message.get(TEXT) or ""
        danger = signs_of_danger(text)
        repaired = message.get(REPAIRED)
        if repaired and repaired != text:
            danger = combine(danger, signs_of_danger(repaired))
        suspicion = self._model.suspicion(text)
        tier = self._model.tier_of(suspicion)
        if danger and tier is None:
            # The rules see through letters that hide a word; the model has to be shown it.
            suspicion = self._model.suspicion(undisguised(text))
            tier = self._model.tier_of(suspicion)
        if danger and not danger.stands_alone and (tier is None or suspicion.is_in_between):
            # A hint that nobody else sees, or that is over (docs/decisions/0006): a line is shown.
            danger = replace(danger, tier="soft")
        message.set(DANGER_SCORE, suspicion.score, add_to_output=True)
        by = [DANGER_MODEL] if tier else []
        if _topic(message) == CRISIS:
            tier = "full" if tier and not suspicion.is_in_between else "soft"
            by.append(TOPIC_MODEL)
        if tier is None or only_harmless(text):
            return danger
        return combine(danger, Danger(tier, suspicion.kinds or ("any",), tuple(by)))


def _topic(message: Message) -> str:
    return str((message.get(INTENT) or {}).get(INTENT_NAME_KEY))


def _set_intent(message: Message, name: str) -> None:
    intent = {INTENT_NAME_KEY: name, PREDICTED_CONFIDENCE_KEY: 1.0}
    others = (i for i in message.get(INTENT_RANKING_KEY) or [] if i[INTENT_NAME_KEY] != name)
    message.set(INTENT, intent, add_to_output=True)
    message.set(INTENT_RANKING_KEY, [intent, *others], add_to_output=True)
    message.set(SUGGESTIONS, [], add_to_output=True)
    message.set(ALSO_ASKED, None, add_to_output=True)
