"""The danger model as it is shipped: whole, in step with its sentences, and it sees."""

import ast
import hashlib
import json
import shutil
from pathlib import Path

import pytest

from bot.nlu import danger_model
from bot.nlu.danger_model import (
    DANGERS,
    FACTS,
    FOLDER,
    SENTENCES,
    TAIL,
    DangerModel,
    DangerModelError,
    Suspicion,
    shipped_members,
)
from bot.nlu.danger_shipping import FILE, read_sentences
from bot.nlu.encoder import DIGESTS, RECIPE
from bot.settings import ROOT, current

ENCODERS = sorted(path.name for path in FOLDER.iterdir() if path.is_dir())


def test_there_is_one_for_each_encoder() -> None:
    assert ENCODERS == ["large", "small"]


@pytest.mark.parametrize("encoder", ENCODERS)
class TestWhatIsShipped:
    def test_it_is_in_step_with_its_sentences_and_its_encoder(self, encoder: str) -> None:
        """After a change of either: scripts/train_danger.py, then `python -m bot ship-danger`."""
        facts = json.loads((FOLDER / encoder / FACTS).read_text())
        assert facts["sentences"] == hashlib.sha256(FILE.read_bytes()).hexdigest()
        assert facts["recipe"] == RECIPE
        assert facts["thresholds"]["soft_at"] < facts["thresholds"]["full_at"]

    def test_it_is_light(self, encoder: str) -> None:
        most = {"small": 20_000_000, "large": 30_000_000}[encoder]
        assert sum(path.stat().st_size for path in (FOLDER / encoder).iterdir()) < most


@pytest.fixture
def shipped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the shipped files, to damage."""
    shutil.copytree(FOLDER / "small", tmp_path / "small")
    monkeypatch.setattr(danger_model, "FOLDER", tmp_path)
    return tmp_path / "small"


def test_a_whole_copy_serves(shipped: Path) -> None:
    assert DangerModel.shipped("small", current()).tier_of(Suspicion(9.0, ())) == "full"


def test_what_is_in_between_gets_the_line() -> None:
    model = DangerModel({}, full_at=0.0, soft_at=-1.0)
    assert model.tier_of(Suspicion(0.5, (), between=0.1)) == "full"
    assert model.tier_of(Suspicion(0.5, (), between=0.9)) == "soft"
    assert model.tier_of(Suspicion(-0.5, (), between=0.1)) == "soft"
    assert model.tier_of(Suspicion(-2.0, (), between=0.9)) == "soft"
    # A lower probability shows the line, and takes nothing from danger.
    assert model.tier_of(Suspicion(-2.0, (), between=0.4)) == "soft"
    assert model.tier_of(Suspicion(0.5, (), between=0.4)) == "full"
    assert model.tier_of(Suspicion(-2.0, (), between=0.1)) is None


@pytest.mark.parametrize("name", [TAIL, SENTENCES, FACTS])
def test_a_damaged_file_is_refused(shipped: Path, name: str) -> None:
    with (shipped / name).open("ab") as file:
        file.write(b" ")
    with pytest.raises(DangerModelError, match="damaged"):
        DangerModel.shipped("small", current())


@pytest.mark.parametrize("name", [TAIL, FACTS, DIGESTS])
def test_a_missing_file_is_refused(shipped: Path, name: str) -> None:
    (shipped / name).unlink()
    with pytest.raises(DangerModelError, match="not whole"):
        DangerModel.shipped("small", current())


def test_files_for_another_encoder_are_refused(shipped: Path) -> None:
    facts = json.loads((shipped / FACTS).read_text())
    (shipped / FACTS).write_text(json.dumps({**facts, "recipe": RECIPE - 1}))
    digests = json.loads((shipped / DIGESTS).read_text())
    digests[FACTS] = hashlib.sha256((shipped / FACTS).read_bytes()).hexdigest()
    (shipped / DIGESTS).write_text(json.dumps(digests))
    with pytest.raises(DangerModelError, match="another encoder"):
        DangerModel.shipped("small", current())


def test_the_kinds_are_in_the_order_in_which_they_were_taught() -> None:
    """The script runs where nothing of the product is installed, so it has a list of its own."""
    script = ast.parse((ROOT / "scripts" / "train_danger.py").read_text(encoding="utf-8"))
    (taught,) = (
        ast.literal_eval(node.value)
        for node in script.body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "KINDS"
    )
    assert taught[: len(DANGERS)] == DANGERS


def test_the_sentences_are_many_and_of_many_writers() -> None:
    sentences = read_sentences()
    assert len(sentences) >= 5_000
    lines = FILE.read_text(encoding="utf-8").splitlines()[1:]
    assert len({line.rsplit("\t", 1)[1] for line in lines}) >= 6
    for tier in ("full", "none"):
        assert sum(sentence.tier == tier for sentence in sentences) >= 2_500


@pytest.mark.model
class TestWhoIsAsked:
    """Of the large setting: the small encoder alone where that is quiet."""

    @staticmethod
    def scores(text: str) -> tuple[float, float]:
        """By the small encoder alone, and by the model as it is shipped."""
        alone = DangerModel(shipped_members(("small",), current()))
        return (
            alone.suspicion(text).score,
            DangerModel.shipped("large", current()).suspicion(text).score,
        )

    @pytest.mark.parametrize("text", ["what is relational therapy", "is there parking nearby?"])
    def test_a_plain_question_is_read_by_the_quickest_alone(self, text: str) -> None:
        quickest, shipped = self.scores(text)
        assert shipped == pytest.approx(2 * quickest)

    @pytest.mark.parametrize("text", ["I want to die", "he hit me again last night, I'm scared"])
    def test_what_is_not_quiet_is_read_by_both(self, text: str) -> None:
        quickest, shipped = self.scores(text)
        assert shipped != pytest.approx(2 * quickest)


@pytest.mark.model
class TestWhatItSees:
    @pytest.fixture(scope="class", params=ENCODERS)
    def seen(self, request):
        model = DangerModel.shipped(request.param, current())

        def look(text: str) -> tuple[str | None, tuple[str, ...]]:
            suspicion = model.suspicion(text)
            return model.tier_of(suspicion), suspicion.kinds

        return look

    @pytest.mark.parametrize(
        ("text", "kind"),
        [
            ("my husband beats me when he drinks", "abuse"),
            ("i swallowed all my pills an hour ago", "overdose"),
        ],
    )
    def test_it_tells_which_help_fits(self, seen, text: str, kind: str) -> None:
        tier, kinds = seen(text)
        assert tier == "full"
        assert kind in kinds

    def test_danger_at_the_end_of_a_long_message_is_seen(self, seen) -> None:
        story = "I am looking for a therapist for my mother. She likes gardens and walks a lot. "
        assert seen(4 * story + "Honestly I have been thinking of ending my life.")[0] == "full"

    @pytest.mark.parametrize(
        "text",
        ["what is relational therapy", "how much is a session", "this traffic is killing me"],
    )
    def test_what_is_harmless_is_left_alone(self, seen, text: str) -> None:
        assert seen(text)[0] is None
