"""Signs of danger are seen however they are written, and ordinary words are left alone."""

import subprocess
import sys
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.crisis import (
    FILE,
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
SOURCE = FILE.read_text(encoding="utf-8")
SIGNS = (
    "i want to die",
    "i am going to kill myself tonight",
    "i took too many pills",
    "i want to kill myself",
    "i keep cutting myself",
)
HARMLESS = (
    "What does a session cost?",
    "Thank you for your help.",
    "I live near High Park.",
    "Is there parking?",
)

signs = st.sampled_from(SIGNS)


def tier_of(text: str) -> str:
    danger = signs_of_danger(text)
    return danger.tier if danger else "none"


@pytest.mark.parametrize("rule", RULES.rules, ids=lambda rule: rule.name)
def test_each_rule_holds_to_its_examples(rule: Rule) -> None:
    assert len(rule.fires_on) >= 2
    for text in rule.fires_on:
        danger = RULES.signs_of_danger(text)
        if rule.tier != "adds":
            assert danger is not None, text
            assert rule.name in danger.rules, text
    for text in rule.silent_on:
        danger = RULES.signs_of_danger(text)
        assert danger is None or rule.name not in danger.rules, text


@pytest.mark.parametrize("exception", RULES.exceptions, ids=lambda rule: rule.name)
def test_each_exception_hides_its_idiom(exception: Rule) -> None:
    for text in exception.fires_on:
        assert tier_of(text) != "full", text


@pytest.mark.parametrize(
    ("text", "tier", "kind"),
    [
        ("i want to kill myself", "full", "any"),
        ("i took a whole bottle of pills", "full", "overdose"),
        ("my husband hits me", "full", "abuse"),
        ("i am going to kill my brother tonight, i have a knife", "full", "harm_to_others"),
        ("my friend says she wants to kill herself", "full", "someone_else"),
        ("my daughter is 13 and says she wants to die", "full", "child"),
        ("je veux mourir", "full", "any"),
        ("quiero morir", "full", "any"),
        ("我想死", "full", "any"),
    ],
)
def test_danger_has_a_tier_and_a_kind(text: str, tier: str, kind: str) -> None:
    danger = signs_of_danger(text)
    assert danger is not None
    assert danger.tier == tier
    assert kind in danger.kinds


@pytest.mark.parametrize(
    "text",
    [
        "what is relational therapy",
        "how does it handle culture and power",
        "how much is a session",
        "this deadline is killing me",
        "i'm dying to know how it works",
        "my phone died, sorry",
        "shoot me an email",
        "i could murder a burger",
        "can therapy help after a break up",
        "i feel so lonely since he left",
        "you are a useless robot",
        "please call me back on monday about an appointment",
    ],
)
def test_ordinary_words_are_left_alone(text: str) -> None:
    assert tier_of(text) == "none"


@pytest.mark.parametrize(
    "text",
    [
        "I WANT TO DIE",
        "i  want\n\nto   die",
        "i want to k i l l  m y s e l f",
        "i want to k!ll myself",
        "i want to commit su1cide",
        "i wanna kms",
        "i’m going to kill myself",
        "ｉ ｗａｎｔ ｔｏ ｄｉｅ",
        "i want to d\u200bie",
        "i want to dieeeee",
        "iwanttodie",
    ],
)
def test_disguises_are_seen_through(text: str) -> None:
    assert tier_of(text) == "full"


@settings(max_examples=40, deadline=None)
@given(signs, st.sampled_from([str.upper, str.title, str.capitalize, str.lower]))
def test_case_never_turns_a_sign_off(sign: str, change: Callable[[str], str]) -> None:
    assert tier_of(change(sign)) == "full"


@settings(max_examples=60, deadline=None)
@given(signs, st.sampled_from(HARMLESS), st.sampled_from(HARMLESS), st.sampled_from(" \n"))
def test_harmless_words_around_it_never_turn_a_sign_off(
    sign: str, before: str, after: str, between: str
) -> None:
    assert tier_of(f"{before}{between}{sign}.{between}{after}") == "full"


@settings(max_examples=60, deadline=None)
@given(signs, st.sampled_from(["", ".", "...", "!!", "?", " :(", "\n", " 😢"]), st.integers(1, 4))
def test_spacing_and_punctuation_never_turn_a_sign_off(sign: str, end: str, spaces: int) -> None:
    assert tier_of(sign.replace(" ", " " * spaces) + end) == "full"


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=300))
def test_any_text_is_read(text: str) -> None:
    assert tier_of(text) in ("full", "soft", "none")


def test_danger_is_seen_at_either_end_of_2000_characters() -> None:
    filler = "I would like to know more about the sessions and the fees. " * 33
    assert tier_of(f"{filler} I want to kill myself.") == "full"
    assert tier_of(f"I want to kill myself. {filler}") == "full"
    assert tier_of(filler) == "none"


def test_an_idiom_hides_no_sign_in_another_clause() -> None:
    assert tier_of("this deadline is killing me, and i want to kill myself") == "full"


def test_only_an_idiom_counts_as_harmless() -> None:
    assert only_harmless("this deadline is killing me")
    assert not only_harmless("i want to kill myself")
    assert not only_harmless("what does it cost")
    assert not only_harmless("")


def test_two_layers_together_see_the_higher_tier_and_all_kinds() -> None:
    soft = Danger("soft", ("any",), ("a",))
    full = Danger("full", ("overdose",), ("b",))
    assert combine(None, None) is None
    assert combine(soft, None) == combine(None, soft) == soft
    assert combine(soft, full) == Danger("full", ("overdose", "any"), ("a", "b"))


def test_what_is_seen_quotes_nothing() -> None:
    danger = signs_of_danger("my zebra and i want to die")
    assert danger is not None
    assert "zebra" not in str(danger)
    assert set(danger.kinds) <= set(KINDS)


def test_the_version_tells_one_set_of_rules_from_another() -> None:
    assert Rulebook(SOURCE).version == RULES.version
    assert Rulebook(SOURCE + "\n# changed\n").version != RULES.version


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("rules:\n", "rulez:\n", "lacks the section 'rules'"),
        ("tier: full", "tier: loud", "'loud' is no tier"),
        ("kind: any", "kind: odd", "'odd' is no kind"),
        ("fires_on:", "fires:", "lacks fires_on"),
    ],
)
def test_a_broken_file_of_rules_is_refused_with_the_entry(old: str, new: str, says: str) -> None:
    with pytest.raises(RulesError, match=says):
        Rulebook(_rules_part_replaced(old, new))


def test_a_file_that_is_no_yaml_is_refused() -> None:
    with pytest.raises(RulesError, match="no YAML"):
        Rulebook("rules: [")


def test_rules_need_no_tensorflow() -> None:
    """spaCy would load it: seconds, and hundreds of megabytes."""
    code = "import sys, bot.crisis; sys.exit('tensorflow' in sys.modules or 'rasa' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def _rules_part_replaced(old: str, new: str) -> str:
    start = SOURCE.index("\nrules:\n")
    return SOURCE[:start] + SOURCE[start:].replace(old, new, 1)
