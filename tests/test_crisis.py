"""Signs of danger are seen however they are written, and ordinary words are left alone."""

import subprocess
import sys
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.crisis import (
    KINDS,
    Danger,
    Rule,
    Rulebook,
    RulesError,
    combine,
    only_harmless,
    shipped_rules,
    signs_of_danger,
)

RULES = shipped_rules()
SIGNS = (
    "i want to die",
    "i am going to kill myself tonight",
    "i don't want to live anymore",
    "everyone would be better off without me",
    "i took too many pills",
    "i keep cutting myself",
    "my husband hits me every day",
    "my friend says she wants to kill herself",
)
HARMLESS = (
    "What does a session cost?",
    "Thank you for your help.",
    "I live near High Park.",
    "My back is killing me.",
    "I was wondering whether you see couples in the evening!",
)
A_FEW_RULES = """
forms: {die: died dies dying}
spelling: {want to: wanna}
disguised: die
groups: {WISH: want|wish}
exceptions:
  Dying to know:
    patterns: dying to know
    fires_on: i am dying to know
    silent_on: i am dying
rules:
  Wants to die:
    kind: any
    tier: full
    patterns: WISH ...2 die
    unless: want it to die
    fires_on: i want to die
    silent_on: i want to live
"""

signs = st.sampled_from(SIGNS)
harmless = st.lists(st.sampled_from(HARMLESS), max_size=3).map(" ".join)


def tier_of(text: str) -> str:
    danger = signs_of_danger(text)
    return danger.tier if danger else "none"


class TestTheFile:
    @pytest.mark.parametrize("rule", RULES.rules, ids=lambda rule: rule.name)
    def test_each_rule_holds_to_its_examples(self, rule: Rule) -> None:
        assert len(rule.fires_on) >= 3
        assert len(rule.silent_on) >= 2
        for text in rule.fires_on:
            danger = RULES.signs_of_danger(text)
            assert danger is not None, text
            assert rule.name in danger.rules, text
        for text in rule.silent_on:
            danger = RULES.signs_of_danger(text)
            assert danger is None or rule.name not in danger.rules, text

    @pytest.mark.parametrize("exception", RULES.exceptions, ids=lambda rule: rule.name)
    def test_each_exception_hides_its_idioms_and_nothing_else(self, exception: Rule) -> None:
        assert len(exception.fires_on) >= 3
        assert len(exception.silent_on) >= 2
        for text in exception.fires_on:
            assert tier_of(text) == "none", text
        for text in exception.silent_on:
            assert tier_of(text) == "full", text

    def test_every_kind_and_every_tier_has_a_rule(self) -> None:
        assert {rule.kind for rule in RULES.rules} == set(KINDS)
        assert {rule.tier for rule in RULES.rules} == {"full", "soft", "adds", "doubts", "insists"}

    def test_the_version_tells_one_set_of_rules_from_another(self) -> None:
        assert Rulebook(A_FEW_RULES).version == Rulebook(A_FEW_RULES).version
        assert Rulebook(A_FEW_RULES).version != Rulebook(A_FEW_RULES + "# changed").version

    @pytest.mark.parametrize(
        ("old", "new", "says"),
        [
            ("rules:\n", "rulez:\n", "lacks the section 'rules'"),
            ("forms: {die:", "forms: {off:", "forms, 'False': put it in quotes"),
            ("disguised: die", "disguised: [", "is no YAML"),
            ("tier: full", "tier: loud", "'Wants to die': 'loud' is no tier"),
            ("tier: full", "tier: none", "'Wants to die': 'none' is no tier"),
            ("kind: any", "kind: odd", "'Wants to die': 'odd' is no kind"),
            ("kind: any", "kind: {}", "'Wants to die' is no set of texts"),
            ("    unless:", "    but:", "'Wants to die' has a part that means nothing: but"),
            ("    silent_on: i am dying\n", "", "'Dying to know' lacks silent_on"),
            ("patterns: dying to know", "patterns:", "'Dying to know' is no set of texts"),
            ("WISH ...2 die", "HOPE ...2 die", "'Wants to die': .*no group is called HOPE"),
            ("WISH ...2 die", "(want|wish", "'Wants to die': .*a bracket is not closed"),
            ("WISH ...2 die", "(want|) die", "'Wants to die': .*a choice is empty"),
            ("WISH ...2 die", "want , die", "'Wants to die': .*',' is out of place"),
            ("WISH ...2 die", "want ) die", "'Wants to die': .*'\\)' is out of place"),
            ("WISH ...2 die", "die?", "'Wants to die': it would fire on every message"),
            ("want|wish}", "want|NOBODY}", "group WISH: .*no group is called NOBODY"),
        ],
    )
    def test_a_broken_file_is_refused_with_the_entry(self, old: str, new: str, says: str) -> None:
        assert old in A_FEW_RULES
        with pytest.raises(RulesError, match=says):
            Rulebook(A_FEW_RULES.replace(old, new))

    def test_unless_switches_a_rule_off_only_where_the_two_overlap(self) -> None:
        few = Rulebook(A_FEW_RULES)
        assert few.signs_of_danger("my plant is sick and i want it to die") is None
        assert few.signs_of_danger("i want it to die. i wish to die") is not None


class TestSigns:
    @pytest.mark.parametrize(
        ("text", "tier", "kinds"),
        [
            ("i want to kill myself", "full", ("any",)),
            ("i took a whole bottle of pills", "full", ("overdose",)),
            ("my husband hits me", "full", ("abuse",)),
            ("i am going to kill my boss tonight", "full", ("harm_to_others",)),
            ("my friend wants to kill herself", "full", ("someone_else",)),
            ("i am 13 and i want to die", "full", ("child", "any")),
            ("do you see suicidal people", "soft", ("any",)),
            (
                "my daughter is 13 and says she wants to die",
                "full",
                ("child", "someone_else", "any"),
            ),
        ],
    )
    def test_the_most_urgent_kind_comes_first(
        self, text: str, tier: str, kinds: tuple[str, ...]
    ) -> None:
        danger = signs_of_danger(text)
        assert danger is not None
        assert (danger.tier, danger.kinds) == (tier, kinds)

    @pytest.mark.parametrize(
        "text",
        [
            "what is relational therapy",
            "how does it handle culture and power",
            "how much is a session",
            "my son is 13, do you see teenagers",
            "this deadline is killing me",
            "i'm dying to know how it works",
            "my phone died, sorry",
            "shoot me an email",
            "i could murder a burger",
            "i want to end things with my boyfriend",
            "tired of living with my parents",
            "i took too many photos",
            "he hit me with another bill",
            "can therapy help after a break up",
            "i feel so lonely since he left",
            "my grandmother died and i miss her",
            "you are a useless robot",
            "please call me back on monday about an appointment",
            "I don't need the appointment anymore, goodbye and thanks",
            "",
        ],
    )
    def test_ordinary_words_are_left_alone(self, text: str) -> None:
        assert tier_of(text) == "none"

    def test_a_rule_that_adds_a_kind_never_fires_alone(self) -> None:
        assert signs_of_danger("i am 13") is None

    def test_where_a_doubt_is_told_a_direct_statement_does_not_stand_alone(self) -> None:
        now, long_ago = map(signs_of_danger, ("i want to die", "in 1971 i wanted to die"))
        assert now is not None
        assert now.stands_alone
        assert long_ago is not None
        assert (long_ago.tier, long_ago.stands_alone) == ("full", False)
        assert signs_of_danger("i moved here in 1971") is None
        again = signs_of_danger("in 1971 i wanted to die. now i want to die again")
        assert again is not None
        assert again.stands_alone

    def test_an_idiom_hides_no_sign_in_another_clause(self) -> None:
        assert tier_of("this deadline is killing me, and i want to kill myself") == "full"
        assert tier_of("i'm dying to know, i want to die") == "full"

    def test_what_is_seen_quotes_nothing(self) -> None:
        danger = signs_of_danger("my zebra and i want to die")
        assert danger is not None
        assert "zebra" not in str(danger)


class TestWriting:
    @pytest.mark.parametrize(
        "text",
        [
            "I WANT TO DIE",
            "i  want\n\nto   die",
            "I. Want. To. Die.",
            "i want to k i l l  m y s e l f",
            "i want to k.i.l.l myself",
            "i want to k!ll myself",
            "i want to commit su1cide",
            "i want to commit s**cide",
            "i wanna kms",
            "i wnat to die",
            "im going to kill myslef",
            "i’m going to kill myself",
            "ｉ ｗａｎｔ ｔｏ ｄｉｅ",
            "i wаnt tо diе",  # with Cyrillic letters
            "i want to d\u200bie",
            "í wánt to díe",
            "i want to dieeeee",
            "iwanttodie",
        ],
    )
    def test_disguises_and_slips_are_seen_through(self, text: str) -> None:
        assert tier_of(text) == "full"

    @pytest.mark.parametrize("text", ["f*** this", "u r a bot", "c*** you", "s***", "1111", "?!#*"])
    def test_no_disguise_is_seen_where_there_is_none(self, text: str) -> None:
        assert tier_of(text) == "none"

    @settings(max_examples=30, deadline=None)
    @given(signs, st.sampled_from([str.upper, str.title, str.capitalize, str.swapcase]))
    def test_case_never_turns_a_sign_off(self, sign: str, change: Callable[[str], str]) -> None:
        assert tier_of(change(sign)) == "full"

    @settings(max_examples=60, deadline=None)
    @given(signs, st.sampled_from(["", ".", "...", "…", "!!", "?", " :(", "\n", " 😢"]))
    def test_what_stands_at_the_end_never_turns_a_sign_off(self, sign: str, end: str) -> None:
        assert tier_of(sign + end) == "full"

    @settings(max_examples=60, deadline=None)
    @given(signs, st.text(" \t\u00a0", min_size=1, max_size=4), st.sampled_from(["", '"', "*"]))
    def test_spacing_and_quotes_never_turn_a_sign_off(
        self, sign: str, space: str, quote: str
    ) -> None:
        assert tier_of(f"{quote}{sign.replace(' ', space)}{quote}") == "full"

    @settings(max_examples=60, deadline=None)
    @given(signs, st.data())
    def test_typography_never_turns_a_sign_off(self, sign: str, data: st.DataObject) -> None:
        wide = {letter: chr(ord(letter) + 0xFEE0) for letter in "abcdefghijklmnopqrstuvwxyz"}
        ways = {"'": "’ʼ´", "e": "éèê", "i": "íï", " ": "\u00a0\u2009"}
        changed = "".join(
            data.draw(st.sampled_from([letter, *ways.get(letter, ""), wide.get(letter, letter)]))
            for letter in sign
        )
        assert tier_of(changed) == "full"

    @settings(max_examples=60, deadline=None)
    @given(harmless, signs, harmless, st.sampled_from([" ", "\n", "\n\n"]))
    def test_harmless_words_around_it_never_turn_a_sign_off(
        self, before: str, sign: str, after: str, between: str
    ) -> None:
        assert tier_of(f"{before}{between}{sign}.{between}{after}") == "full"

    @settings(max_examples=60, deadline=None)
    @given(st.text(max_size=300))
    def test_any_text_is_read(self, text: str) -> None:
        assert tier_of(text) in ("full", "soft", "none")

    def test_danger_is_seen_at_either_end_of_2000_characters(self) -> None:
        filler = "I would like to know more about the sessions and the fees. " * 33
        assert tier_of(f"{filler} I want to kill myself.") == "full"
        assert tier_of(f"I want to kill myself. {filler}") == "full"
        assert tier_of(filler) == "none"

    @pytest.mark.parametrize("sign", ["!", "(", "$", "😢", "a", "想", "i ", "x!", "no. "])
    def test_2000_characters_of_anything_are_read(self, sign: str) -> None:
        """Patterns run over one letter for each word, so that no text is costly."""
        assert tier_of((sign * 2000)[:2000]) == "none"


class TestTheTwoLayers:
    def test_only_an_idiom_counts_as_harmless(self) -> None:
        assert only_harmless("this deadline is killing me")
        assert only_harmless("My phone died.")
        assert not only_harmless("this deadline is killing me and i wrote the letters")
        assert not only_harmless("this deadline is killing me. i give up.")
        assert not only_harmless("i want to kill myself")
        assert not only_harmless("what does it cost")
        assert not only_harmless("")

    def test_together_they_see_the_higher_tier_and_all_kinds(self) -> None:
        soft = Danger("soft", ("abuse",), ("a",))
        full = Danger("full", ("someone_else", "any"), ("b",))
        assert combine(None, None) is None
        assert combine(soft, None) == combine(None, soft) == soft
        assert combine(soft, full) == Danger("full", ("someone_else", "any", "abuse"), ("a", "b"))

    def test_of_one_tier_the_most_urgent_kind_leads(self) -> None:
        first = Danger("full", ("any",), ("a",))
        second = Danger("full", ("overdose", "any"), ("b", "a"))
        assert combine(first, second) == Danger("full", ("overdose", "any"), ("a", "b"))


def test_the_rules_are_there_at_once_and_without_tensorflow() -> None:
    """spaCy would load it: five seconds, and hundreds of megabytes."""
    code = (
        "import sys, time, bot.crisis\n"
        "assert not {'tensorflow', 'rasa'} & sys.modules.keys()\n"
        "assert time.process_time() < 3\n"  # 1.5 on an idle machine
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
