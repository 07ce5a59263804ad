"""A message that says several things is cut where a person would cut it, and nothing is lost."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.nlu.parts import MOST, parts_of


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("What is relational therapy?", []),
        ("I am new here. How does it work?", ["I am new here.", "How does it work?"]),
        (
            "how much is a session and do you do it online",
            ["how much is a session", "and do you do it online"],
        ),
        ("do you take couples, also where are you", ["do you take couples", "also where are you"]),
        ("my mom and my dad want to come", []),
        ("I. Want. To. Die.", []),
    ],
)  # fmt: skip
def test_it_is_cut_between_the_things_it_says(text: str, parts: list[str]) -> None:
    assert parts_of(text) == parts


def test_dictated_words_without_an_end_are_cut_at_their_turns() -> None:
    text = (
        "so i was at work all day and my boss said i should take a break because i look tired and "
        "then on the way home i thought about my sister and how she was when we were small but i "
        "do not know what to do with that and i wanted to ask how therapy would even work for it"
    )
    parts = parts_of(text)
    assert 3 <= len(parts) <= 6
    assert " ".join(parts) == text


@given(st.text(max_size=2000))
def test_every_word_is_in_some_part_and_parts_are_few(text: str) -> None:
    parts = parts_of(text)
    assert len(parts) <= MOST + 1
    if parts:
        kept = "".join("".join(parts).split())
        whole = "".join(text.split())
        assert len(kept) >= len(whole) - text.count(",") - text.count(";") - text.count("/")
