"""A contact request is checked, and told in plain words what it lacks."""

from typing import Any

import pytest

from bot.contact import LONGEST_MESSAGE, ContactErrors, checked, prefill_from
from bot.store import NewContactRequest


def fields(**other: Any) -> dict[str, Any]:
    return {
        "name": "Ana Lima",
        "email": "ana@example.com",
        "phone": "416 555 0123",
        "message": "A first session, please.",
        "consent": True,
        **other,
    }


def check(**other: Any) -> NewContactRequest:
    return checked(fields(**other), conversation="c", urgent=False)


def errors_of(**other: Any) -> dict[str, str]:
    with pytest.raises(ContactErrors) as refused:
        check(**other)
    return refused.value.errors


def test_it_works() -> None:
    request = check()
    assert request.email == "ana@example.com"
    assert request.phone == "+1 416-555-0123"


def test_one_of_email_and_phone_is_enough() -> None:
    assert check(email="").email is None
    assert check(phone=None).phone is None
    assert set(errors_of(email="", phone=" ")) == {"email"}


def test_a_form_without_scripts_says_yes_in_its_own_way() -> None:
    assert check(consent="on")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", " "),
        ("message", ""),
        ("email", "ana@"),
        ("email", "ana example.com"),
        ("phone", "12"),
        ("phone", "call me"),
        ("consent", False),
        ("consent", "no"),
        ("message", "x" * (LONGEST_MESSAGE + 1)),
        ("name", ["Ana"]),
    ],
)
def test_what_is_wrong_is_told_by_field(field: str, value: object) -> None:
    errors = errors_of(**{field: value})
    assert set(errors) == {field}
    assert errors[field].endswith((".", "example.com", "0123"))


def test_all_that_is_wrong_is_told_at_once() -> None:
    assert set(errors_of(name="", message="", consent=None)) == {"name", "message", "consent"}


def test_what_was_said_fills_the_form_in() -> None:
    said = "my name is Ana Lima, call me at 416 555 0123 or ana@example.com"
    assert prefill_from(said) == {
        "name": "Ana Lima",
        "phone": "416 555 0123",
        "email": "ana@example.com",
    }
