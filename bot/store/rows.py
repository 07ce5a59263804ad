"""The frozen rows that the store takes and gives."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True)
class NewContactRequest:
    """What a visitor wants to leave for the clinic, checked."""

    conversation: str
    name: str
    email: str | None
    phone: str | None
    message: str
    urgent: bool = False  # sent on by the visitor after signs of danger were shown


@dataclass(frozen=True)
class ContactRequest(NewContactRequest):
    """A contact request as it is kept."""

    id: int = 0
    reference: str = ""
    received_at: datetime = datetime.min


@dataclass(frozen=True)
class Feedback:
    """What a visitor thought of one answer."""

    conversation: str
    key: str
    helpful: bool
    reason: str | None
