"""What a contact request must hold: the form's fields, and their check. It stores nothing."""

from collections.abc import Mapping
from typing import Any

import phonenumbers
from email_validator import EmailNotValidError, validate_email

from bot.privacy import REGION, find_details
from bot.store.rows import NewContactRequest

ACTION = "/api/contact"
LONGEST_MESSAGE = 4_000

FIELDS: tuple[dict[str, Any], ...] = (
    {"name": "name", "label": "Your name", "type": "text", "required": True, "maxlength": 200,
     "autocomplete": "name"},
    {"name": "email", "label": "E-mail", "type": "email", "required": False, "maxlength": 320,
     "autocomplete": "email", "hint": "One of e-mail and phone is enough."},
    {"name": "phone", "label": "Phone", "type": "tel", "required": False, "maxlength": 40,
     "autocomplete": "tel"},
    {"name": "message", "label": "What would you like to ask or tell?", "type": "textarea",
     "required": True, "maxlength": LONGEST_MESSAGE},
    {"name": "consent", "label": "The clinic may keep this message and use it to answer me.",
     "type": "checkbox", "required": True},
)  # fmt: skip

FREE_TEXT = ("name", "email", "phone", "message")


class ContactErrors(ValueError):
    """What is wrong with a contact request: by field, one plain sentence each."""

    def __init__(self, errors: dict[str, str]) -> None:
        super().__init__(", ".join(errors))
        self.errors = errors


def checked(fields: Mapping[str, object], *, conversation: str, urgent: bool) -> NewContactRequest:
    """The contact request in a sent form; `ContactErrors` tells all that is wrong with it."""
    errors: dict[str, str] = {}
    texts = {name: _text(fields, name, errors) for name in FREE_TEXT}
    if not texts["name"]:
        errors.setdefault("name", "Please tell us what to call you.")
    if not texts["message"]:
        errors.setdefault("message", "Please write what you would like to ask or tell.")
    email = _email(texts["email"], errors)
    phone = _phone(texts["phone"], errors)
    if not (texts["email"] or texts["phone"]) and not {"email", "phone"} & set(errors):
        errors["email"] = "Please give an e-mail address or a phone number, so that we can answer."
    if fields.get("consent") not in (True, "true", "on", "1", "yes"):
        errors["consent"] = "Please tick the box, so that we may keep your message and answer it."
    if errors:
        raise ContactErrors(errors)
    return NewContactRequest(
        conversation=conversation,
        name=texts["name"],
        email=email,
        phone=phone,
        message=texts["message"],
        urgent=urgent,
    )


def prefill_from(text: str) -> dict[str, str]:
    """The form's fields that a message already fills in: name, e-mail and phone."""
    return {
        detail.kind: detail.text
        for detail in reversed(find_details(text))
        if detail.kind in ("name", "email", "phone")
    }


def _text(fields: Mapping[str, object], name: str, errors: dict[str, str]) -> str:
    value = fields.get(name)
    if value is None:
        return ""
    if not isinstance(value, str):
        errors[name] = "Please write this as text."
        return ""
    text = value.encode(errors="replace").decode().replace("\0", "").strip()
    longest = next(field["maxlength"] for field in FIELDS if field["name"] == name)
    if len(text) > longest:
        errors[name] = f"Please keep this under {longest:,} characters; yours has {len(text):,}."
    return text


def _email(text: str, errors: dict[str, str]) -> str | None:
    if not text or "email" in errors:
        return None
    try:
        return validate_email(text, check_deliverability=False).normalized
    except EmailNotValidError:
        errors["email"] = "This does not look like an e-mail address. An example: ana@example.com"
        return None


def _phone(text: str, errors: dict[str, str]) -> str | None:
    if not text or "phone" in errors:
        return None
    try:
        number = phonenumbers.parse(text, REGION)
    except phonenumbers.NumberParseException:
        number = None
    if number is None or not phonenumbers.is_possible_number(number):
        errors["phone"] = "This does not look like a phone number. An example: 416 555 0123"
        return None
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.INTERNATIONAL)
