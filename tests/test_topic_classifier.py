"""The topic classifier as Rasa runs it: whom it asks, and what it says where it cannot work."""

import asyncio
from pathlib import Path

import pytest
from rasa.core.agent import Agent
from rasa.engine.storage.local_model_storage import LocalModelStorage
from rasa.engine.storage.resource import Resource
from rasa.shared.nlu.constants import INTENT, TEXT
from rasa.shared.nlu.training_data.message import Message
from rasa.shared.nlu.training_data.training_data import TrainingData

from bot.nlu.encoder import Encoder
from bot.nlu.topic_classifier import TopicClassifier
from bot.settings import current


def untrained(folder: Path) -> TopicClassifier:
    config = TopicClassifier.get_default_config()
    return TopicClassifier(config, LocalModelStorage(folder), Resource("topics"))


def test_untrained_it_says_so(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="not trained"):
        untrained(tmp_path).process([Message({TEXT: "hello"})])


def test_it_does_not_learn_without_an_encoder_before_it(tmp_path: Path) -> None:
    example = Message({TEXT: "hello", INTENT: "greet"})
    with pytest.raises(RuntimeError, match=r"needs a SentenceEncoder before it in config\.yml"):
        untrained(tmp_path).train(TrainingData([example]))


@pytest.mark.model
class TestWhoIsAsked:
    """Of two encoders: the quickest, and the other one only where that leaves a doubt."""

    @pytest.fixture(scope="class")
    def agent(self, model: Path) -> Agent:
        return Agent.load(str(model))

    @pytest.fixture
    def read_by_large(self, monkeypatch: pytest.MonkeyPatch) -> list[int]:
        settings = current()
        large = Encoder.load("large", settings.models, weights_folder=settings.weights)
        runs: list[int] = []
        compute = large._compute

        def counted(run):
            runs.append(len(run))
            return compute(run)

        monkeypatch.setattr(large, "_compute", counted)
        return runs

    def test_a_plain_question_is_read_by_the_quickest_alone(
        self, agent: Agent, read_by_large: list[int]
    ) -> None:
        asyncio.run(agent.parse_message("what on earth is relational therapy?"))
        assert read_by_large == []

    def test_a_hint_is_read_by_both(self, agent: Agent, read_by_large: list[int]) -> None:
        asyncio.run(agent.parse_message("my last one just nodded while the meter was running"))
        assert read_by_large
