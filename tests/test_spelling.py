"""Unknown words are mended; a word that exists, a name, and short words are left alone."""

import pytest

from bot.nlu.spelling import Speller, words_of

OWN = ["therapy", "therapist", "relational", "counselling", "culture", "power", "handle", "ohip"]


@pytest.fixture(scope="module")
def speller() -> Speller:
    return Speller(OWN)


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("waht is relatonal thrapy", "what is relational therapy"),
        ("how do u handel cultuer adn power", "how do you handle culture and power"),
        ("does ohip covr it", "does ohip cover it"),
        ("pls help", "please help"),
        ("soooo sad", "so sad"),
        ("Thearpist?", "therapist?"),
    ],
)
def test_slips_are_mended(speller: Speller, written: str, meant: str) -> None:
    assert speller.repair(written) == meant


@pytest.mark.parametrize(
    "text",
    [
        "what is relational therapy?",
        "my name is Wei Zhang",
        "Priya told me about you",
        "it cost $120, at 5pm",
        "i want to kill myself",
        "bruh",
        "",
    ],
)
def test_right_words_names_and_numbers_stay(speller: Speller, text: str) -> None:
    assert speller.repair(text) == text


def test_a_rare_word_may_be_a_slip_itself() -> None:
    texts = ["the therapy", "a therapy", "some therapy thrapy"]
    assert words_of(texts, at_least=3) == ["therapy"]
