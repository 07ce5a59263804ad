"""Reads English: a spaCy document with tokens, sentences, lemmas and contact details."""

from __future__ import annotations

from typing import Any

from rasa.engine.graph import ExecutionContext
from rasa.engine.recipes.default_recipe import DefaultV1Recipe
from rasa.engine.storage.resource import Resource
from rasa.engine.storage.storage import ModelStorage
from rasa.nlu.constants import SPACY_DOCS, TOKENS_NAMES
from rasa.nlu.tokenizers.tokenizer import Token
from rasa.nlu.utils.spacy_utils import SpacyModel, SpacyNLP
from rasa.shared.nlu.constants import ENTITIES, TEXT
from rasa.shared.nlu.training_data.message import Message
from rasa.shared.nlu.training_data.training_data import TrainingData
from spacy.tokens import Doc

from bot.privacy import find_details
from bot.spacy_alone import spacy

# Part of the training cache's key: raise it when the pipeline below changes.
VERSION = "clinic-english-1"


@DefaultV1Recipe.register(
    [
        DefaultV1Recipe.ComponentType.MODEL_LOADER,
        DefaultV1Recipe.ComponentType.MESSAGE_FEATURIZER,
    ],
    is_trainable=False,
    model_from="English",
)
class English(SpacyNLP):
    """A blank English pipeline: it needs no trained package, and those that fit gained nothing."""

    @classmethod
    def create(
        cls,
        config: dict[str, Any],
        model_storage: ModelStorage,
        resource: Resource,
        execution_context: ExecutionContext,
    ) -> English:
        model = SpacyModel(model=english_pipeline(), model_name=VERSION)
        return cls(model, {**cls.get_default_config(), **config})

    @staticmethod
    def get_default_config() -> dict[str, Any]:
        return {
            # Names are told by their capitals.
            "case_sensitive": True,
        }

    def process_training_data(self, training_data: TrainingData, model: SpacyModel) -> TrainingData:
        """Leaves the examples alone: nothing learns from tokens, and Rasa would hash each of them
        once for every component, which took two thirds of the time of a training."""
        return training_data

    def process(self, messages: list[Message], model: SpacyModel) -> list[Message]:
        """Adds the document, its tokens, and the contact details as entities."""
        super().process(messages, model)
        for message in messages:
            doc = message.get(SPACY_DOCS[TEXT])
            if doc is not None:
                message.set(TOKENS_NAMES[TEXT], _tokens(doc))
                message.set(ENTITIES, _details(doc), add_to_output=True)
        return messages


def english_pipeline() -> spacy.Language:
    """Tokenizer, sentences, lookup lemmas, and what `bot.privacy` finds as entities."""
    nlp = spacy.blank("en")
    nlp.add_pipe("sentencizer")
    nlp.add_pipe("lemmatizer", config={"mode": "lookup"})
    nlp.add_pipe("contact_details")
    nlp.initialize()
    return nlp


@spacy.Language.component("contact_details")
def contact_details(doc: Doc) -> Doc:
    spans = (
        doc.char_span(detail.start, detail.end, label=detail.kind, alignment_mode="expand")
        for detail in find_details(doc.text)
    )
    doc.set_ents(spacy.util.filter_spans([span for span in spans if span is not None]))
    return doc


def _tokens(doc: Doc) -> list[Token]:
    return [Token(token.text, token.idx, lemma=token.lemma_) for token in doc if token.text.strip()]


def _details(doc: Doc) -> list[dict[str, Any]]:
    return [
        {
            "entity": span.label_,
            "start": span.start_char,
            "end": span.end_char,
            "value": span.text,
            "extractor": English.__name__,
        }
        for span in doc.ents
    ]
