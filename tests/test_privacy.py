"""Names, numbers and addresses are found where they are given, and nothing else is."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.privacy import find_details, redact


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("write to ana.lima@example.com please", "write to [email] please"),
        ("call me at 416 555 0123", "call me at [phone]"),
        ("call (416) 555-0123 or +1 647 555 0199", "call [phone] or [phone]"),
        ("my name is Ana Lima and i feel low", "my name is [name] and i feel low"),
        ("my name is ana, hi", "my name is [name], hi"),
        ("Hello, this is Tom Ng. Are you open?", "Hello, this is [name]. Are you open?"),
        ("i live at M5V 2T6", "i live at [postal code]"),
        ("my health card is 1234 567 890", "my health card is [number]"),
        ("card 4242 4242 4242 4242", "card [number]"),
    ],
)
def test_details_are_replaced_by_their_kind(text: str, kept: str) -> None:
    assert redact(text) == kept


@pytest.mark.parametrize(
    "text",
    [
        "this is killing me",
        "call me back please",
        "is a session 50 or 60 minutes",
        "it cost $120 in 2024",
        "My Therapist told me to come",
        "9-8-8",
        "my name is not important",
    ],
)
def test_ordinary_words_stay(text: str) -> None:
    assert redact(text) == text


@given(st.text(max_size=200))
def test_any_text_is_read_and_details_lie_in_order(text: str) -> None:
    details = find_details(text)
    for detail in details:
        assert text[detail.start : detail.end] == detail.text
    assert all(a.end <= b.start for a, b in pairwise(details))
