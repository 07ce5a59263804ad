"""Turns each message into one vector that says what it means, whatever its words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from rasa.engine.graph import ExecutionContext, GraphComponent
from rasa.engine.recipes.default_recipe import DefaultV1Recipe
from rasa.engine.storage.resource import Resource
from rasa.engine.storage.storage import ModelStorage
from rasa.shared.nlu.constants import FEATURE_TYPE_SENTENCE, TEXT
from rasa.shared.nlu.training_data.features import Features
from rasa.shared.nlu.training_data.message import Message
from rasa.shared.nlu.training_data.training_data import TrainingData

from bot.nlu.encoder import Encoder, Vector, readers, side_by_side
from bot.nlu.parts import parts_of
from bot.nlu.spelling_repair import REPAIRED
from bot.nlu.vector_cache import VectorCache
from bot.settings import current

ENCODER_KEY = "encoder"
SAID = "said"


@dataclass(frozen=True)
class Said:
    """A message and its parts, which are read when somebody wants to know what they mean."""

    text: str
    parts: list[str]
    encoders: Sequence[Encoder]  # the quickest first

    def vectors(self, readers: int) -> Vector:
        """By so many encoders side by side: a row for the whole, and one for each part."""
        texts = [self.text, *self.parts]
        readings = (encoder.read_all(texts) for encoder in self.encoders[:readers])
        return side_by_side([np.array([reading.vector for reading in own]) for own in readings])


@DefaultV1Recipe.register(DefaultV1Recipe.ComponentType.MESSAGE_FEATURIZER, is_trainable=False)
class SentenceEncoder(GraphComponent):
    """Vectors of the repaired text, where there is one: by the large setting of both encoders.

    In training the vectors of each encoder are dense features, named by its fingerprint. A
    visitor's message is read when a later component asks what was `Said`, by no more encoders than
    it needs.
    """

    @staticmethod
    def get_default_config() -> dict[str, Any]:
        return {
            # large (best answers) or small (least memory); None takes what BOT_ENCODER says.
            ENCODER_KEY: None,
        }

    @classmethod
    def fingerprint_addon(cls, config: dict[str, Any]) -> str | None:
        return " ".join(encoder.fingerprint for encoder in _load(config))

    def __init__(self, encoders: Sequence[Encoder]) -> None:
        self._encoders = encoders

    @classmethod
    def create(
        cls,
        config: dict[str, Any],
        model_storage: ModelStorage,
        resource: Resource,
        execution_context: ExecutionContext,
    ) -> SentenceEncoder:
        return cls(_load(config))

    def process_training_data(self, training_data: TrainingData) -> TrainingData:
        messages = [message for message in training_data.training_examples if _text(message)]
        cache = VectorCache(current().models / "vectors")
        texts = [_text(message) for message in messages]
        for encoder in self._encoders:
            vectors = cache.encode_all(encoder, texts)
            for message, vector in zip(messages, vectors, strict=True):
                message.add_features(
                    Features(vector[None, :], FEATURE_TYPE_SENTENCE, TEXT, encoder.fingerprint)
                )
        return training_data

    def process(self, messages: list[Message]) -> list[Message]:
        for message in messages:
            if text := _text(message):
                message.set(SAID, Said(text, parts_of(text), self._encoders))
        return messages


def _text(message: Message) -> str:
    return message.get(REPAIRED) or message.get(TEXT) or ""


def _load(config: dict[str, Any]) -> list[Encoder]:
    settings = current()
    name = config.get(ENCODER_KEY) or settings.encoder
    return readers(name, settings.models, weights_folder=settings.weights)
