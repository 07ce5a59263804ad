"""Tokens and limits: who may speak in a conversation, and how often."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.website.limiter import Limiter
from bot.website.tokens import ForeignToken, Tokens

TOKENS = Tokens("k" * 32)


def test_a_token_names_one_conversation() -> None:
    token = TOKENS.new()
    assert TOKENS.conversation(token) == TOKENS.conversation(token)
    assert TOKENS.conversation(token) != TOKENS.conversation(TOKENS.new())


def test_a_token_of_another_key_is_foreign() -> None:
    with pytest.raises(ForeignToken):
        TOKENS.conversation(Tokens("x" * 32).new())


@given(st.one_of(st.none(), st.text(), st.integers(), st.lists(st.text())))
def test_anything_else_is_foreign(token: object) -> None:
    with pytest.raises(ForeignToken):
        TOKENS.conversation(token)


def test_one_address_cannot_drown_another() -> None:
    limiter = Limiter(3)
    assert [limiter.allows_message("a") for _ in range(4)] == [True, True, True, False]
    assert limiter.allows_message("b")


def test_contact_requests_have_a_limit_of_their_own() -> None:
    limiter = Limiter(10)
    assert [limiter.allows_contact("a") for _ in range(3)] == [True, True, False]
    assert limiter.allows_message("a")


def test_a_limit_of_zero_lets_everything_through() -> None:
    limiter = Limiter(0)
    assert all(limiter.allows_message("a") and limiter.allows_contact("a") for _ in range(500))
