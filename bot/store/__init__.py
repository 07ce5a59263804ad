"""The clinic's tables, and the only SQL in the project."""

from bot.store.rows import ContactRequest, Feedback, NewContactRequest
from bot.store.store import Store, StoreError

__all__ = ["ContactRequest", "Feedback", "NewContactRequest", "Store", "StoreError"]
