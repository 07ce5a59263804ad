"""Names conversations: random, made here, and signed, so that nobody can speak in another's."""

import re
import secrets

from itsdangerous import BadSignature, Signer

_ID = re.compile(r"[0-9a-f]{32}")


class ForeignToken(ValueError):
    """A token that this server did not make."""


class Tokens:
    """Makes and reads conversation tokens with one key."""

    def __init__(self, secret: str) -> None:
        self._signer = Signer(secret, salt="conversation", key_derivation="hmac")

    def new(self) -> str:
        return self._signer.sign(secrets.token_hex(16)).decode()

    def conversation(self, token: object) -> str:
        """The conversation's id; `ForeignToken` for anything that is not ours."""
        if not isinstance(token, str) or len(token) > 200:
            raise ForeignToken
        try:
            name = self._signer.unsign(token.encode()).decode()
        except (BadSignature, UnicodeError) as error:
            raise ForeignToken from error
        if not _ID.fullmatch(name):
            raise ForeignToken
        return name
