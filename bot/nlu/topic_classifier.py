"""Reports the topic of each message in Rasa's shapes; `TopicModel` does the thinking."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import numpy as np
from rasa.engine.graph import ExecutionContext, GraphComponent
from rasa.engine.recipes.default_recipe import DefaultV1Recipe
from rasa.engine.storage.resource import Resource
from rasa.engine.storage.storage import ModelStorage
from rasa.shared.nlu.constants import (
    INTENT,
    INTENT_NAME_KEY,
    INTENT_RANKING_KEY,
    INTENT_RESPONSE_KEY,
    METADATA,
    METADATA_INTENT,
    PREDICTED_CONFIDENCE_KEY,
    RESPONSE_SELECTOR,
    TEXT,
)
from rasa.shared.nlu.training_data.message import Message
from rasa.shared.nlu.training_data.training_data import TrainingData

from bot.nlu.sentence_encoder import PARTS, SentenceEncoder
from bot.nlu.topic_model import (
    VERSION,
    Bounds,
    Reading,
    TopicModel,
    in_context,
    put_together,
)
from bot.outcome import ALSO_ASKED, IN_CONTEXT, LIKELIEST, SUGGESTIONS, response_selector
from bot.topics import FALLBACK

# Of the ranking of topics so many places are reported.
REPORTED = 10


@DefaultV1Recipe.register(DefaultV1Recipe.ComponentType.INTENT_CLASSIFIER, is_trainable=True)
class TopicClassifier(GraphComponent):
    """Intent, ranking, response key, and what to suggest when it is not sure."""

    @classmethod
    def required_components(cls) -> list[type]:
        return [SentenceEncoder]

    @staticmethod
    def get_default_config() -> dict[str, Any]:
        # What the thresholds must hold on writers whom the model had not read.
        return asdict(Bounds())

    @classmethod
    def fingerprint_addon(cls, config: dict[str, Any]) -> str | None:
        return VERSION

    def __init__(
        self,
        config: dict[str, Any],
        model_storage: ModelStorage,
        resource: Resource,
        model: TopicModel | None = None,
    ) -> None:
        self._config = config
        self._model_storage = model_storage
        self._resource = resource
        self._model = model

    @classmethod
    def create(
        cls,
        config: dict[str, Any],
        model_storage: ModelStorage,
        resource: Resource,
        execution_context: ExecutionContext,
    ) -> TopicClassifier:
        return cls(config, model_storage, resource)

    def train(self, training_data: TrainingData) -> Resource:
        messages = training_data.intent_examples
        self._model = TopicModel.fit(
            np.stack([_vector(message) for message in messages]),
            [message.get(INTENT_RESPONSE_KEY) or message.get(INTENT) for message in messages],
            [_writer(message) for message in messages],
            Bounds(**{name: self._config[name] for name in Bounds.__dataclass_fields__}),
        )
        with self._model_storage.write_to(self._resource) as folder:
            self._model.save(folder)
        return self._resource

    @classmethod
    def load(
        cls,
        config: dict[str, Any],
        model_storage: ModelStorage,
        resource: Resource,
        execution_context: ExecutionContext,
        **kwargs: Any,
    ) -> TopicClassifier:
        with model_storage.read_from(resource) as folder:
            return cls(config, model_storage, resource, TopicModel.load(folder))

    def process(self, messages: list[Message]) -> list[Message]:
        if self._model is None:
            raise RuntimeError("the topic classifier is not trained")
        for message in messages:
            parts = message.get(PARTS) or []
            vectors = [_vector(message), *(part.vector for part in parts)]
            whole, *readings = self._model.read_all(np.stack(vectors))
            said = zip((part.text for part in parts), readings, strict=True)
            _report(message, put_together(whole, list(said)))
        return messages


def _report(message: Message, reading: Reading) -> None:
    """Writes a reading in Rasa's shapes; below the threshold the intent is the fallback."""
    topic = reading.topic if reading.sure else FALLBACK
    ranking = [(topic, reading.confidence)]
    ranking += [(other, share) for other, share in reading.ranking[:REPORTED] if other != topic]
    intents = [_intent(name, share) for name, share in _merged(ranking)]
    message.set(INTENT, intents[0], add_to_output=True)
    message.set(INTENT_RANKING_KEY, intents, add_to_output=True)
    message.set(RESPONSE_SELECTOR, response_selector(ranking), add_to_output=True)
    message.set(LIKELIEST, reading.topic, add_to_output=True)
    message.set(ALSO_ASKED, reading.also, add_to_output=True)
    message.set(IN_CONTEXT, {} if reading.sure else in_context(reading), add_to_output=True)
    message.set(SUGGESTIONS, [] if reading.sure else list(reading.suggestions), add_to_output=True)


def _merged(ranking: list[tuple[str, float]]) -> list[tuple[str, float]]:
    """The ranking of intents: each where its best topic stands."""
    best: dict[str, float] = {}
    for topic, share in ranking:
        best.setdefault(topic.split("/")[0], share)
    return list(best.items())


def _intent(name: str, confidence: float) -> dict[str, Any]:
    return {INTENT_NAME_KEY: name, PREDICTED_CONFIDENCE_KEY: confidence}


def _vector(message: Message) -> np.ndarray[Any, Any]:
    _, sentence = message.get_dense_features(TEXT, [])
    if sentence is None:
        raise RuntimeError("the topic classifier needs a SentenceEncoder before it in config.yml")
    return np.asarray(sentence.features[0], dtype=np.float32)


def _writer(message: Message) -> str:
    """Who wrote an example; all examples without a name count as one writer's."""
    metadata = (message.get(METADATA) or {}).get(METADATA_INTENT) or {}
    return str(metadata.get("writer", ""))
