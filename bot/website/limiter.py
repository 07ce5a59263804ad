"""Counts what one address sends, so that no one can drown the chat."""

from limits import RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter

# Of five messages one may be a contact request.
CONTACT_SHARE = 5


class Limiter:
    """`per_minute` of 0 lets everything through."""

    def __init__(self, per_minute: int) -> None:
        self._messages = RateLimitItemPerMinute(per_minute) if per_minute else None
        self._contacts = RateLimitItemPerMinute(max(1, per_minute // CONTACT_SHARE))
        # Kept here, because the limiter itself holds it only weakly.
        self._storage = MemoryStorage()
        self._window = MovingWindowRateLimiter(self._storage)

    def allows_message(self, address: str) -> bool:
        return self._messages is None or self._window.hit(self._messages, "message", address)

    def allows_contact(self, address: str) -> bool:
        return self._messages is None or self._window.hit(self._contacts, "contact", address)
