"""Reads English: one spaCy document for a message, for every component after it."""

from __future__ import annotations

from typing import Any

import spacy
from rasa.engine.graph import ExecutionContext
from rasa.engine.recipes.default_recipe import DefaultV1Recipe
from rasa.engine.storage.resource import Resource
from rasa.engine.storage.storage import ModelStorage
from rasa.nlu.constants import SPACY_DOCS
from rasa.nlu.utils.spacy_utils import SpacyModel, SpacyNLP
from rasa.shared.nlu.constants import ENTITIES, TEXT
from rasa.shared.nlu.training_data.message import Message
from spacy.language import Language
from spacy.tokens import Doc

from bot.privacy import find_details

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
    """A blank English pipeline: tokens, sentences, lemmas, and contact details.

    It needs no trained spaCy package; those that would fit are not on PyPI and gained nothing.
    """

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

    def process(self, messages: list[Message], model: SpacyModel) -> list[Message]:
        """Adds the document, and the contact details as entities."""
        super().process(messages, model)
        for message in messages:
            doc = message.get(SPACY_DOCS[TEXT])
            details = [
                {
                    "entity": span.label_,
                    "start": span.start_char,
                    "end": span.end_char,
                    "value": span.text,
                    "extractor": type(self).__name__,
                }
                for span in (doc.ents if doc is not None else ())
            ]
            message.set(ENTITIES, message.get(ENTITIES, []) + details, add_to_output=True)
        return messages


def english_pipeline() -> Language:
    """Tokenizer, sentences, lookup lemmas, and the personal details of `bot.privacy` as entities."""
    nlp = spacy.blank("en")
    nlp.add_pipe("sentencizer")
    nlp.add_pipe("lemmatizer", config={"mode": "lookup"})
    nlp.add_pipe("contact_details")
    nlp.initialize()
    return nlp


@Language.component("contact_details")
def contact_details(doc: Doc) -> Doc:
    spans = (
        doc.char_span(detail.start, detail.end, label=detail.kind, alignment_mode="expand")
        for detail in find_details(doc.text)
    )
    doc.set_ents(spacy.util.filter_spans([span for span in spans if span is not None]))
    return doc
