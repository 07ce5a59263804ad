"""Adds the repaired text to each message; what the visitor wrote stays as it is."""

from __future__ import annotations

import json
from typing import Any

from rasa.engine.graph import ExecutionContext, GraphComponent
from rasa.engine.recipes.default_recipe import DefaultV1Recipe
from rasa.engine.storage.resource import Resource
from rasa.engine.storage.storage import ModelStorage
from rasa.shared.nlu.constants import TEXT
from rasa.shared.nlu.training_data.message import Message
from rasa.shared.nlu.training_data.training_data import TrainingData

from bot.nlu.spelling import VERSION, Speller, words_of

REPAIRED = "repaired_text"


@DefaultV1Recipe.register(DefaultV1Recipe.ComponentType.MESSAGE_FEATURIZER, is_trainable=True)
class SpellingRepair(GraphComponent):
    """Learns the words of the examples, and mends those that nobody knows."""

    @staticmethod
    def get_default_config() -> dict[str, Any]:
        return {
            # A word that fewer examples use may be a slip itself.
            "examples_of_a_word": 3,
        }

    @classmethod
    def fingerprint_addon(cls, config: dict[str, Any]) -> str | None:
        return VERSION

    def __init__(
        self,
        config: dict[str, Any],
        model_storage: ModelStorage,
        resource: Resource,
        words: list[str],
    ) -> None:
        self._config = config
        self._model_storage = model_storage
        self._resource = resource
        self._words = words
        self._speller = Speller(words)

    @classmethod
    def create(
        cls,
        config: dict[str, Any],
        model_storage: ModelStorage,
        resource: Resource,
        execution_context: ExecutionContext,
    ) -> SpellingRepair:
        return cls(config, model_storage, resource, [])

    def train(self, training_data: TrainingData) -> Resource:
        texts = (message.get(TEXT) or "" for message in training_data.intent_examples)
        self._words = words_of(texts, at_least=self._config["examples_of_a_word"])
        self._speller = Speller(self._words)
        with self._model_storage.write_to(self._resource) as folder:
            (folder / "words.json").write_text(json.dumps(self._words), encoding="utf-8")
        return self._resource

    @classmethod
    def load(
        cls,
        config: dict[str, Any],
        model_storage: ModelStorage,
        resource: Resource,
        execution_context: ExecutionContext,
        **kwargs: Any,
    ) -> SpellingRepair:
        with model_storage.read_from(resource) as folder:
            words = json.loads((folder / "words.json").read_text(encoding="utf-8"))
        return cls(config, model_storage, resource, words)

    def process_training_data(self, training_data: TrainingData) -> TrainingData:
        self.process(training_data.training_examples)
        return training_data

    def process(self, messages: list[Message]) -> list[Message]:
        for message in messages:
            if text := message.get(TEXT):
                message.set(REPAIRED, self._speller.repair(text))
        return messages
