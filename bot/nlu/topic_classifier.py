"""Reports the topic of each message in Rasa's shapes; `TopicModel` does the thinking."""

from __future__ import annotations

from collections.abc import Sequence
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

from bot.nlu.encoder import Vector, side_by_side
from bot.nlu.sentence_encoder import SAID, Said, SentenceEncoder
from bot.nlu.topic_model import (
    VERSION,
    Bounds,
    Reading,
    TopicModel,
    in_context,
    put_together,
    says_enough,
)
from bot.outcome import ALSO_ASKED, IN_CONTEXT, LIKELIEST, SUGGESTIONS, response_selector
from bot.topics import FALLBACK

# Of the ranking of topics so many places are reported.
REPORTED = 10
_NO_ENCODER = "the topic classifier needs a SentenceEncoder before it in config.yml"


@DefaultV1Recipe.register(DefaultV1Recipe.ComponentType.INTENT_CLASSIFIER, is_trainable=True)
class TopicClassifier(GraphComponent):
    """Intent, ranking, response key, and what to suggest when it is not sure.

    One model reads the quickest encoder alone, and another all of them side by side where the first
    leaves a doubt.
    """

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
        models: Sequence[TopicModel] = (),
    ) -> None:
        self._config = config
        self._model_storage = model_storage
        self._resource = resource
        self._models = models

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
        vectors = _vectors(messages)
        topics = [message.get(INTENT_RESPONSE_KEY) or message.get(INTENT) for message in messages]
        writers = [_writer(message) for message in messages]
        bounds = Bounds(**{name: self._config[name] for name in Bounds.__dataclass_fields__})
        self._models = [
            TopicModel.fit(side_by_side(vectors[:readers]), topics, writers, bounds)
            for readers in range(1, len(vectors) + 1)
        ]
        with self._model_storage.write_to(self._resource) as folder:
            for readers, model in enumerate(self._models, start=1):
                (folder / str(readers)).mkdir()
                model.save(folder / str(readers))
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
            models = [TopicModel.load(own) for own in sorted(folder.iterdir())]
            return cls(config, model_storage, resource, models)

    def process(self, messages: list[Message]) -> list[Message]:
        if not self._models:
            raise RuntimeError("the topic classifier is not trained")
        for message in messages:
            said = message.get(SAID)
            if said is None:
                raise RuntimeError(_NO_ENCODER)
            _report(message, self._read(said))
        return messages

    def _read(self, said: Said) -> Reading:
        for readers, model in enumerate(self._models, start=1):
            whole, *parts = model.read_all(said.vectors(readers))
            reading = put_together(whole, list(zip(said.parts, parts, strict=True)))
            if reading.topic == whole.topic and says_enough(reading):
                break
        return reading


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
    message.set(SUGGESTIONS, list(reading.offered), add_to_output=True)


def _merged(ranking: list[tuple[str, float]]) -> list[tuple[str, float]]:
    """The ranking of intents: each where its best topic stands."""
    best: dict[str, float] = {}
    for topic, share in ranking:
        best.setdefault(topic.split("/")[0], share)
    return list(best.items())


def _intent(name: str, confidence: float) -> dict[str, Any]:
    return {INTENT_NAME_KEY: name, PREDICTED_CONFIDENCE_KEY: confidence}


def _vectors(messages: Sequence[Message]) -> list[Vector]:
    """By each encoder, the quickest first: a row for each message."""
    encoders = [found.origin for found in messages[0].features if found.is_dense()]
    if not encoders:
        raise RuntimeError(_NO_ENCODER)
    return [np.stack([_vector(message, encoder) for message in messages]) for encoder in encoders]


def _vector(message: Message, encoder: str) -> Vector:
    _, sentence = message.get_dense_features(TEXT, [encoder])
    return np.asarray(sentence.features[0], dtype=np.float32)


def _writer(message: Message) -> str:
    """Who wrote an example; all examples without a name count as one writer's."""
    metadata = (message.get(METADATA) or {}).get(METADATA_INTENT) or {}
    return str(metadata.get("writer", ""))
