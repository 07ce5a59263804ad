"""Signs of danger in what a person writes, by the rules of `crisis_rules.yml`.

It knows no Rasa, no store, no model and no network, and it keeps no words: a text goes in; a tier,
the kinds of help and the names of rules come out. What is a sign stands in that file; here is how
it is read: a text becomes a line with one letter for each word, a pattern a regular expression
over such letters. So its cost is bounded, and no word is ever found inside another.
"""

import hashlib
import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from itertools import count, islice
from math import inf
from pathlib import Path
from string import punctuation
from typing import Any, Literal

import yaml
from rapidfuzz import process
from rapidfuzz.distance import OSA

from bot.spacy_alone import spacy

Tier = Literal["full", "soft"]

KINDS = ("overdose", "harm_to_others", "child", "abuse", "someone_else", "any")  # most urgent first
FILE = Path(__file__).with_name("crisis_rules.yml")
COMMON_WORDS = 40_000  # of English, most frequent first: what is among them is no slip of the pen
SHORTEST_RUN, LONGEST_PART = 6, 15  # letters, of words written without spaces


@dataclass(frozen=True)
class Danger:
    """What a text shows; nothing in it quotes the text."""

    tier: Tier
    kinds: tuple[str, ...]  # most urgent first
    rules: tuple[str, ...]  # the names of those that fired, for counts
    stands_alone: bool = True  # full whatever a second layer sees


def signs_of_danger(text: str) -> Danger | None:
    return shipped_rules().signs_of_danger(text)


def only_harmless(text: str) -> bool:
    """Whether harmless idioms explain every word of the text that any rule knows.

    Nothing else may lower what a second layer sees, and that sentence by sentence.
    """
    return shipped_rules().only_harmless(text)


def undisguised(text: str) -> str:
    """What a second layer should read beside the text: `k i l l` and `su1cide` as words."""
    return shipped_rules().undisguised(text)


def combine(a: Danger | None, b: Danger | None) -> Danger | None:
    """What two layers see together: the higher tier, and all kinds, those of that tier leading."""
    if a is None or b is None:
        return a or b
    first, second = sorted((a, b), key=lambda danger: danger.tier != "full")
    kinds = [*first.kinds, *second.kinds]
    if first.tier == second.tier:
        kinds.sort(key=KINDS.index)
    rules = [*a.rules, *b.rules]
    return Danger(
        first.tier,
        tuple(dict.fromkeys(kinds)),
        tuple(dict.fromkeys(rules)),
        a.stands_alone or b.stands_alone,
    )


@cache
def shipped_rules() -> "Rulebook":
    return Rulebook(FILE.read_text(encoding="utf-8"))


class RulesError(ValueError):
    """A file of rules does not hold together; the message names the entry."""


@dataclass(frozen=True)
class Rule:
    """One entry of the file; an exception is a rule of tier `none`."""

    name: str
    tier: str  # full | soft | adds | doubts | insists | none
    kind: str
    pattern: re.Pattern[str]
    unless: re.Pattern[str] | None
    fires_on: tuple[str, ...]
    silent_on: tuple[str, ...]
    stands_alone: bool = False

    def fires_in(self, line: str) -> bool:
        if not self.pattern.search(line):
            return False
        return self.unless is None or bool(self.pattern.search(_without(self.unless, line)))


class Rulebook:
    """The rules of one file, ready for use."""

    def __init__(self, source: str) -> None:
        """`RulesError` says which entry is wrong."""
        self.version = hashlib.sha256(source.encode()).hexdigest()[:12]
        data = _sections(source)
        self._writing = Writing(data["spelling"], data["disguised"], data["forms"])
        # A sign may run over a comma; an idiom ends there, so that it never hides the next clause.
        signs = Patterns(self._writing, data["groups"], pause=f"{PAUSE}?")
        idioms = Patterns(self._writing, data["groups"], pause="")
        self.rules = [_rule(name, entry, signs) for name, entry in data["rules"].items()]
        self.exceptions = [
            _rule(name, entry, idioms, tier="none", kind="any")
            for name, entry in data["exceptions"].items()
        ]
        self._harmless = re.compile("|".join(rule.pattern.pattern for rule in self.exceptions))

    def signs_of_danger(self, text: str) -> Danger | None:
        line = _without(self._harmless, self._writing.line(text))
        fired = [rule for rule in self.rules if rule.fires_in(line)]
        tiers = {rule.tier for rule in fired}
        if not tiers & {"full", "soft"}:
            return None
        tier: Tier = "full" if "full" in tiers else "soft"
        kinds = {rule.kind for rule in fired if rule.tier in (tier, "adds")}
        return Danger(
            tier,
            tuple(kind for kind in KINDS if kind in kinds),
            tuple(rule.name for rule in fired),
            any(rule.stands_alone for rule in fired)
            and ("doubts" not in tiers or "insists" in tiers),
        )

    def undisguised(self, text: str) -> str:
        """The text in small letters, with words that were spaced out, starred or numbered."""
        return self._writing.undisguised(text)

    def only_harmless(self, text: str) -> bool:
        lines = [line for line in self._writing.line(text).split(END) if line]
        rests = [_without(self._harmless, line) for line in lines]
        return lines != [] and all(
            rest != line and not any(map(self._writing.is_telling, rest))
            for line, rest in zip(lines, rests, strict=True)
        )


# The signs of a line; every other letter is a word that some rule names.
END, PAUSE, OTHER, NUMBER = ".", ",", "_", "0"
FIRST_WORD, FIRST_NUMBER, LAST_NUMBER = 0x4E00, 0x9000, 0x9FFF


def _without(pattern: re.Pattern[str], line: str) -> str:
    return pattern.sub(lambda found: OTHER * len(found[0]), line)


def _sections(source: str) -> Any:
    try:
        data = yaml.load(source, Loader=yaml.CSafeLoader)
    except yaml.YAMLError as error:
        raise RulesError(f"{FILE.name} is no YAML: {error}") from error
    for section in ("forms", "spelling", "disguised", "groups", "exceptions", "rules"):
        if not isinstance(data, dict) or not data.get(section):
            raise RulesError(f"{FILE.name} lacks the section '{section}'")
    for section in ("forms", "spelling", "groups"):
        for name, text in data[section].items():
            # YAML takes a bare `off` or `no` for a truth value.
            if not isinstance(name, str) or not isinstance(text, str):
                raise RulesError(f"{FILE.name}, {section}, '{name}': put it in quotes")
    return data


def _rule(name: str, entry: Any, patterns: "Patterns", **given: str) -> Rule:
    """A rule from its entry; what is given, the entry must not say."""
    where = f"{FILE.name}, '{name}'"
    needed = {"tier", "kind", "patterns", "fires_on", "silent_on"} - given.keys()
    if not isinstance(entry, dict) or not all(isinstance(part, str) for part in entry.values()):
        raise RulesError(f"{where} is no set of texts")
    if missing := needed - entry.keys():
        raise RulesError(f"{where} lacks {', '.join(sorted(missing))}")
    if unknown := entry.keys() - needed - {"unless", "stands_alone"}:
        raise RulesError(f"{where} has a part that means nothing: {', '.join(sorted(unknown))}")
    tier, kind = given.get("tier") or entry["tier"], given.get("kind") or entry["kind"]
    if tier not in ("full", "soft", "adds", "doubts", "insists") and not given:
        raise RulesError(f"{where}: '{tier}' is no tier")
    if kind not in KINDS:
        raise RulesError(f"{where}: '{kind}' is no kind; there are {', '.join(KINDS)}")
    try:
        return Rule(
            name=name,
            tier=tier,
            kind=kind,
            pattern=patterns.any_of(_lines(entry["patterns"])),
            unless=patterns.any_of(_lines(entry["unless"])) if "unless" in entry else None,
            fires_on=_lines(entry["fires_on"]),
            silent_on=_lines(entry["silent_on"]),
            stands_alone=entry.get("stands_alone") == "yes",
        )
    except RulesError as error:
        raise RulesError(f"{where}: {error}") from error


def _lines(text: str) -> tuple[str, ...]:
    lines = (line.strip() for line in text.splitlines())
    return tuple(line for line in lines if line and not line.startswith("#"))


class Patterns:
    """The pattern language that the head of the file explains."""

    _UNIT = re.compile(r"\.\.\.\d*|[()|?*^$]|[^\s()|?*^$]+")

    def __init__(self, writing: "Writing", groups: Mapping[str, str], *, pause: str) -> None:
        self._writing = writing
        self._pause = pause
        self._known = {
            "^": "(?<![^.,])",
            "$": "(?![^.,])",
            "ANY": f"(?:[^.,]{pause})",
            "NUMBER": f"[{NUMBER}{chr(FIRST_NUMBER)}-{chr(LAST_NUMBER)}]{pause}",
        }
        for name, choices in groups.items():
            try:
                self._known[name] = self._expression(choices)
            except RulesError as error:
                raise RulesError(f"{FILE.name}, group {name}: {error}") from error

    def any_of(self, patterns: tuple[str, ...]) -> re.Pattern[str]:
        found = re.compile("|".join(map(self._expression, patterns)))
        if found.search(""):
            raise RulesError("it would fire on every message")
        return found

    def _expression(self, pattern: str) -> str:
        try:
            return self._choices(iter(self._UNIT.findall(pattern)), "")
        except RulesError as error:
            raise RulesError(f"in '{pattern}', {error}") from error

    def _choices(self, units: Iterator[str], closed_by: str) -> str:
        """What stands before the closing bracket; words to choose from become a set of letters."""
        ways: list[list[str]] = [[]]
        for unit in units:
            if unit == closed_by:
                break
            if unit == "|":
                ways.append([])
            elif unit in _OPTIONAL and ways[-1]:
                ways[-1][-1] = f"(?:{ways[-1][-1]}){_OPTIONAL[unit]}"
            elif unit == "(":
                ways[-1].append(self._choices(units, ")"))
            else:
                ways[-1].append(self._unit(unit))
        else:
            if closed_by:
                raise RulesError("a bracket is not closed")
        if not all(ways):
            raise RulesError("a choice is empty")
        words = [way[0][1:].removesuffix(f"]{self._pause}") for way in ways if _is_set(way)]
        more = ["".join(way) for way in ways if not _is_set(way)]
        if words:
            more.insert(0, f"[{''.join(words)}]{self._pause}")
        return f"(?:{'|'.join(more)})" if len(more) > 1 or not words else more[0]

    def _unit(self, unit: str) -> str:
        if unit not in self._known:
            self._known[unit] = self._gap(unit[3:]) if unit[:3] == "..." else self._words(unit)
        return self._known[unit]

    def _gap(self, words: str) -> str:
        return f"(?:[^.,]{self._pause}){{0,{words or 3}}}"

    def _words(self, unit: str) -> str:
        if unit.isascii() and unit.isupper() and len(unit) > 1:
            raise RulesError(f"no group is called {unit}")
        sets = [
            f"[{self._writing.letters(word)}]{self._pause}" for word in self._writing.words(unit)
        ]
        if not sets or unit in punctuation:
            raise RulesError(f"'{unit}' is out of place")
        return sets[0] if len(sets) == 1 else f"(?:{''.join(sets)})"


_OPTIONAL = {"?": "?", "*": "{0,3}"}


def _is_set(way: list[str]) -> bool:
    return len(way) == 1 and way[0].startswith("[")


class Writing:
    """How people write: from a text to its line, through disguises, slips and texting."""

    def __init__(
        self, spelling: Mapping[str, str], disguised: str, forms: Mapping[str, str]
    ) -> None:
        self._nlp = spacy.blank("en")
        self._nlp.add_pipe("sentencizer")
        self._meant = {
            plain(variant): meant
            for meant, variants in spelling.items()
            for variant in variants.split(", ")
        }
        longest_first = sorted(self._meant, key=len, reverse=True)
        self._variants = re.compile(rf"(?<!\w)(?:{'|'.join(map(re.escape, longest_first))})(?!\w)")
        self._disguised = disguised.split()
        self._forms = _forms(forms)
        self._english = _common_english()
        self._letters: dict[str, str] = {}
        self._by_initial: dict[str, list[str]] = defaultdict(list)
        self._small = {OTHER, PAUSE, NUMBER}
        self._next_word, self._next_number = count(FIRST_WORD), count(FIRST_NUMBER)

    def words(self, text: str) -> list[str]:
        return [_word(token) for token in self._nlp(plain(text).strip()) if not token.is_space]

    def letters(self, word: str) -> str:
        """The letters of a word that a rule names, and its forms; from now on lines show them."""
        return "".join(map(self._letter, sorted({word, *self._forms[word]})))

    def _letter(self, word: str) -> str:
        if word not in self._letters:
            lexeme = self._nlp.vocab[word]
            letter = chr(next(self._next_number if lexeme.like_num else self._next_word))
            self._letters[word] = letter
            self._by_initial[word[0]].append(word)
            if lexeme.is_stop or lexeme.like_num:
                self._small.add(letter)
        return self._letters[word]

    def is_telling(self, letter: str) -> bool:
        """Whether it stands for a word that a rule names, small words aside."""
        return letter not in self._small

    def line(self, text: str) -> str:
        line, words = "", 0
        for token in self._nlp(self.undisguised(text)):
            letters = "".join(map(self._seen, self._respelt(_word(token))))
            line += letters or PAUSE
            words += len(letters)
            if token.is_sent_end:
                line += END if words > 1 else PAUSE  # "I. Want. To. Die." is one sentence.
                words = 0
        return re.sub(r",*\.[.,]*", END, re.sub(",+", PAUSE, line))

    def _seen(self, word: str) -> str:
        if word in self._letters:
            return self._letters[word]
        return NUMBER if self._nlp.vocab[word].like_num else OTHER

    def undisguised(self, text: str) -> str:
        text = _SPACED_OUT.sub(lambda found: self._closed_up(found[0]), plain(text))
        text = re.sub(r"\S+", lambda found: self._unmasked(found[0]), text)
        text = self._variants.sub(lambda found: self._meant[found[0]], text)
        return _JOINT.sub(" ", _LONE_LETTER.sub(" .", text))

    def _closed_up(self, text: str) -> str:
        """`k i l l  m y s e l f`: the words that its letters make up, else the text itself."""
        letters = re.sub("[^a-z]", "", text)
        if letters in self._letters or letters in self._meant:
            return letters
        return " ".join(self._parts(letters)) or text

    def _unmasked(self, chunk: str) -> str:
        """`su1cide`, `k!ll`, `s*icide`: the word behind it, else the chunk itself."""
        core = chunk.strip(".,;:!?'\"()")
        masks = sum(sign in _STANDS_FOR for sign in core)
        if not 0 < 2 * masks < len(core):
            return chunk
        shape = re.compile("".join(_STANDS_FOR.get(sign, re.escape(sign)) for sign in core))
        return next((word for word in self._disguised if shape.fullmatch(word)), chunk)

    def _respelt(self, word: str) -> list[str]:
        """The word as the rules spell it, when it is unknown and near to one that they name."""
        if word in self._letters or word in self._english:
            return [word]
        if not word.isalpha():
            return [word] if any(map(str.isalnum, word)) else []
        for kept in (r"\1\1", r"\1"):
            shorter = re.sub(r"(\w)\1{2,}", kept, word)
            if shorter in self._letters or shorter in self._english:
                return [shorter]
        slips = min((len(word) - 1) // 4, 2)
        alike = self._by_initial.get(word[0], [])
        near = process.extractOne(word, alike, scorer=OSA.distance, score_cutoff=slips)
        return [near[0]] if slips and near else self._parts(word) or [word]

    def _parts(self, letters: str) -> list[str]:
        """`iwanttodie`: the fewest words of the rules that make up all of it, if any do."""
        fewest = [(0.0, 0)]  # at each place: how many words lead up to it, where the last begins
        for end in range(1, len(letters) + 1):
            starts = range(max(0, end - LONGEST_PART), end)
            ways = ((fewest[at][0] + 1, at) for at in starts if self._is_part(letters[at:end]))
            fewest.append(min(ways, default=(inf, 0)))
        if len(letters) < SHORTEST_RUN or fewest[-1][0] == inf:
            return []
        parts, end = [], len(letters)
        while end:
            parts.append(letters[fewest[end][1] : end])
            end = fewest[end][1]
        return parts[::-1]

    def _is_part(self, word: str) -> bool:
        if word not in self._letters:
            return False
        return bool(self._nlp.vocab[word].is_stop) or (len(word) > 2 and word in self._english)


def plain(text: str) -> str:
    """Small letters without accents, look-alikes and marks that nobody sees."""
    text = unicodedata.normalize("NFKD", text.translate(_TYPOGRAPHY)).lower()
    text = unicodedata.normalize("NFC", _UNSEEN.sub("", text))
    text = _MIXED.sub(lambda found: found[0].translate(_LOOKALIKES), text)
    return re.sub(r"[^\S\n]+", " ", _SIGN.sub(r" \g<0> ", _LONG_RUN.sub(r"\1", text)))


_TYPOGRAPHY = str.maketrans(
    "’‘‛`´ʼ′–—−‐‑ᴀʙᴄᴅᴇɢʜɪᴊᴋʟᴍɴᴏᴘʀᴛᴜᴠᴡʏᴢيىكة",
    "'''''''-----abcdeghijklmnoprtuvwyzییکه",
)
_LOOKALIKES = str.maketrans("аеорсухіјѕԁһкмтвнαεορυικντ", "aeopcyxijsdhkmtbhaeopuiknt")
_MIXED = re.compile(r"(?:[a-z]+[\u0370-\u052f]|[\u0370-\u052f]+[a-z])[a-z\u0370-\u052f]*")
_UNSEEN = re.compile(
    "[\u00ad\u0300-\u036f\u0640\u064b-\u065f\u0670\u180e\u200b-\u200f\u202a-\u202e\u2060-\u2064"
    "\ufe00-\ufe0f\ufeff\U0001f3fb-\U0001f3ff]"
)
# The tokenizer takes signs off a word one by one: thousands of them would take it a second.
_LONG_RUN = re.compile(r"([!-/:-@\[-`{-~]{8})[!-/:-@\[-`{-~]+")
_SIGN = re.compile("[\u2600-\u27bf\u3040-\u30ff\u3400-\u9fff\U0001f300-\U0001faff]")
_SPACED_OUT = re.compile(r"(?<![a-z'])(?:[a-z][ .\-_*/]{1,3}){2,}[a-z](?![a-z'])")
_STANDS_FOR = {
    "0": "o", "1": "[il]", "!": "[il]", "|": "[il]", "3": "e", "4": "a", "5": "s", "7": "t",
    "@": "a", "$": "s", "€": "e", "+": "t", "*": "[a-z]", "#": "[a-z]",
}  # fmt: skip
_JOINT = re.compile(r"(?<=[^\W\d_])[.\-_/~+&]+(?=[^\W\d_])|(?<=\d)(?=[a-z])|(?<=[a-z])(?=\d)")
_LONE_LETTER = re.compile(r"(?<=\s[a-z])\.(?=\s)|(?<=^[a-z])\.(?=\s)")  # no abbreviation
_SHORT_FOR = {"'s": "is", "s": "is", "'d": "would", "d": "would", "ve": "have", "ai": "be"}


def _word(token: spacy.tokens.Token) -> str:
    norm: str = token.norm_
    return _SHORT_FOR.get(norm, norm)


def _forms(corrected: Mapping[str, str]) -> dict[str, set[str]]:
    """The forms of each word by its dictionary form."""
    forms = defaultdict(set, {word: set(own.split()) for word, own in corrected.items()})
    corrected_forms = set().union(*forms.values())
    for form, word in _dictionary_forms().items():
        if word not in corrected and form not in corrected_forms:
            forms[word].add(form)
    return forms


@cache
def _dictionary_forms() -> dict[str, str]:
    tables = spacy.util.registry.lookups.get("en")
    forms: dict[str, str] = spacy.util.load_language_data(tables["lemma_lookup"])
    return forms


@cache
def _common_english() -> frozenset[str]:
    words = files("symspellpy") / "frequency_dictionary_en_82_765.txt"
    with words.open(encoding="utf-8") as lines:
        return frozenset(line.split()[0] for line in islice(lines, COMMON_WORDS))
