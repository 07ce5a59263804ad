"""Takes names, numbers and addresses out of a text. What stays may be stored."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

import phonenumbers

REGION = "CA"


@dataclass(frozen=True)
class Detail:
    """A personal detail in a text: what it is, where it stands, how it was written."""

    kind: str  # email | phone | name | postal code | number
    start: int
    end: int
    text: str


def find_details(text: str) -> list[Detail]:
    """The personal details in a text, in order; of two that overlap `_FINDERS` tells which."""
    found: list[Detail] = []
    for finder in _FINDERS:
        for detail in finder(text):
            if all(detail.end <= other.start or detail.start >= other.end for other in found):
                found.append(detail)
    return sorted(found, key=lambda detail: detail.start)


def redact(text: str) -> str:
    """The text with each personal detail replaced by its kind, such as `[phone]`."""
    for detail in reversed(find_details(text)):
        text = f"{text[: detail.start]}[{detail.kind}]{text[detail.end :]}"
    return text


def _emails(text: str) -> Iterator[Detail]:
    for match in _EMAIL.finditer(text):
        yield Detail("email", match.start(), match.end(), match.group())


def _phones(text: str) -> Iterator[Detail]:
    for match in phonenumbers.PhoneNumberMatcher(text, REGION):
        yield Detail("phone", match.start, match.end, match.raw_string)


def _names(text: str) -> Iterator[Detail]:
    for match in _NAME.finditer(text):
        yield Detail("name", match.start(1), match.end(1), match.group(1))


def _postal_codes(text: str) -> Iterator[Detail]:
    for match in _POSTAL_CODE.finditer(text):
        yield Detail("postal code", match.start(), match.end(), match.group())


def _long_numbers(text: str) -> Iterator[Detail]:
    """Health cards, accounts, cards: seven or more digits, spaced or not."""
    for match in _LONG_NUMBER.finditer(text):
        yield Detail("number", match.start(), match.end(), match.group())


_FINDERS = (_emails, _phones, _names, _postal_codes, _long_numbers)

_EMAIL = re.compile(r"[\w.+%-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,8}")
_POSTAL_CODE = re.compile(r"\b[ABCEGHJ-NPRSTVXY]\d[A-Z][ -]?\d[A-Z]\d\b", re.IGNORECASE)
_LONG_NUMBER = re.compile(r"(?<![\w-])\d(?:[ -]?\d){6,18}(?![\w-])")
_WORD = r"[A-Z][\w'’-]{1,30}"
# A name counts where it is given as one: "my name is ana", "I'm called Ana", "this is Ana Li,".
_NO_NAME = r"(?!(?:not|on|in|so|too|the|very|always|also)\b)"
_NAME = re.compile(
    r"\b(?i:my (?:full |first |last )?name(?:'s|’s| is)|i am called|i['’]m called|call me"
    r"|they call me|this is(?= [A-Z]\w+(?: [A-Z]\w+)?[,.!]))\s+"
    rf"({_WORD}(?: {_WORD}){{0,2}}"
    rf"|(?<=name is ){_NO_NAME}[a-z]{{2,20}}(?: [a-z]{{2,20}})?(?=[,.!]|$| and\b))"
)
