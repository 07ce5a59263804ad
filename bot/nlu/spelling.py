"""Repairs the spelling of words that nobody knows. A word that exists is never touched."""

import re
from collections import Counter
from collections.abc import Iterable
from importlib.resources import files

from symspellpy import SymSpell, Verbosity

# Part of the training cache's key: raise it when a repair below changes.
VERSION = "spelling-1"

# Words of fewer letters have too many neighbours to guess at.
SHORTEST = 4
# The commonest English words; rarer ones are mostly names and noise that attract slips.
ENGLISH_WORDS = 30_000
# Slips so common on the web that a list of its commonest words holds them.
NOT_WORDS = frozenset({"teh", "adn", "handel", "hte", "fo", "ot", "sep", "thru", "recieve"})

SLANG = frozenset({"bruh", "lmao", "lmfao", "rofl", "yolo", "fomo", "nope", "yeah", "yall", "haha"})

TEXTING = {
    "u": "you", "ur": "your", "r": "are", "b4": "before", "2day": "today",
    "2moro": "tomorrow", "tmrw": "tomorrow", "pls": "please", "plz": "please", "plss": "please",
    "thx": "thanks", "thnx": "thanks", "tnx": "thanks", "ty": "thank you", "tysm": "thank you",
    "idk": "i don't know", "dunno": "don't know", "wanna": "want to", "gonna": "going to",
    "gotta": "got to", "cuz": "because", "bc": "because", "coz": "because",
    "w/": "with", "w/o": "without", "abt": "about", "appt": "appointment", "appts": "appointments",
    "hrs": "hours", "mins": "minutes", "msg": "message", "sum1": "someone",
    "some1": "someone", "any1": "anyone", "ppl": "people", "govt": "government", "rlly": "really",
    "rly": "really", "teh": "the", "adn": "and", "hte": "the",
    "srsly": "seriously", "tho": "though", "thru": "through", "wut": "what",
    "wat": "what", "wht": "what", "wen": "when", "whn": "when", "hw": "how", "cn": "can",
    "shud": "should", "cud": "could", "wud": "would", "dnt": "don't", "dont": "don't",
    "cant": "can't", "wont": "won't", "didnt": "didn't", "doesnt": "doesn't", "isnt": "isn't",
    "wasnt": "wasn't", "im": "i'm", "ive": "i've", "whats": "what's",
    "hows": "how's", "wheres": "where's", "whos": "who's", "thats": "that's", "theres": "there's",
    "youre": "you're", "theyre": "they're", "alot": "a lot", "imo": "in my opinion",
    "info": "information", "convo": "conversation", "rn": "right now", "atm": "at the moment",
    "nvm": "never mind", "omg": "oh my god", "gf": "girlfriend", "bf": "boyfriend",
    "bff": "best friend", "prob": "probably", "probs": "probably",
}  # fmt: skip

_WORD = re.compile(r"[^\W_]+(?:['’/][^\W_]+)*/?")
_REPEATS = re.compile(r"([^\W\d_])\1{2,}")


class Speller:
    """Knows English and the words of our examples."""

    def __init__(self, own_words: Iterable[str]) -> None:
        self._own = SymSpell(max_dictionary_edit_distance=2, prefix_length=7)
        self._english = SymSpell(max_dictionary_edit_distance=1, prefix_length=7)
        for word, count in _english().items():
            self._english.create_dictionary_entry(word, count)
        for word in own_words:
            self._own.create_dictionary_entry(word, max(1, self._english.words.get(word, 1)))

    def repair(self, text: str) -> str:
        """The text with unknown words replaced by the likeliest known ones; all else as it was."""
        shouting = text.isupper()
        return _WORD.sub(lambda match: self._repair_word(match, shouting), text)

    def _repair_word(self, match: "re.Match[str]", shouting: bool) -> str:
        word = match.group()
        plain = word.lower().replace("’", "'")
        if plain in TEXTING:
            return TEXTING[plain]
        for likely in (plain, _REPEATS.sub(r"\1\1", plain), _REPEATS.sub(r"\1", plain)):
            if self._knows(likely):
                return word if likely == plain else likely
        within = match.start() > 0 and match.string[: match.start()].rstrip()[-1:] not in ".!?"
        named = word[:1].isupper() and within and not shouting
        if named or len(plain) < SHORTEST or not plain.isalpha():
            return word
        return self._nearest(plain) or word

    def _nearest(self, word: str) -> str | None:
        """A word of ours, unless an English one is nearer."""
        reach = 1 if len(word) < 6 else 2
        own = self._own.lookup(word, Verbosity.CLOSEST, max_edit_distance=reach)
        english = self._english.lookup(word, Verbosity.CLOSEST, max_edit_distance=1)
        # A letter doubled, dropped from a pair, or swapped is a likelier slip than a wrong one.
        nearest = min(
            (*own, *english[:1]),
            key=lambda found: (found.distance, set(found.term) != set(word)),
            default=None,
        )
        return nearest.term if nearest else None

    def _knows(self, word: str) -> bool:
        plain = word.removesuffix("'s")
        return plain in self._own.words or plain in self._english.words or plain in SLANG


def words_of(texts: Iterable[str], *, at_least: int) -> list[str]:
    """The words that occur in at least so many of the texts: rarer ones may be slips themselves."""
    counts = Counter(
        word for text in texts for word in {match.lower() for match in _WORD.findall(text)}
    )
    return sorted(word for word, count in counts.items() if count >= at_least and word.isalpha())


def _english() -> dict[str, int]:
    dictionary = files("symspellpy") / "frequency_dictionary_en_82_765.txt"
    words: dict[str, int] = {}
    with dictionary.open(encoding="utf-8-sig") as lines:
        for line in lines:
            word, count = line.split()
            if word not in NOT_WORDS:
                words[word] = int(count)
            if len(words) == ENGLISH_WORDS:
                break
    return words
