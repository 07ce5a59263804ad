"""The content's promises: every topic is taught, answered, labelled, true to the source."""

import re
from collections import Counter
from functools import cache
from itertools import pairwise
from pathlib import Path

import pytest
import yaml

from bot.content import CRISIS_KEY, Content, ContentError, Said, kind_of
from bot.helplines import Helplines, HelplinesError, lines_for, shipped_helplines
from bot.settings import ROOT
from bot.topics import FALLBACK, shipped_topics

CLINIC = "Therapy Heals Toronto"
BANNED = (
    "committed", "commit suicide", "successful", "failed", "think of your family", "selfish",
    "overreact", "promise", "secret", "book", "!",
)  # fmt: skip
OWN_INTENTS = {"tell_me_more", "just_joking"}


@cache
def examples() -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for block in yaml.safe_load((ROOT / "data" / "nlu.yml").read_text(encoding="utf-8"))["nlu"]:
        texts = [line.removeprefix("- ") for line in block["examples"].splitlines()]
        found.setdefault(block["intent"], []).extend(texts)
    return found


@cache
def responses() -> dict[str, list[dict[str, object]]]:
    domain = yaml.safe_load((ROOT / "domain.yml").read_text(encoding="utf-8"))
    found: dict[str, list[dict[str, object]]] = domain["responses"]
    return found


@cache
def passages() -> dict[str, str]:
    source = yaml.safe_load((ROOT / "bot" / "source.yml").read_text(encoding="utf-8"))
    return {passage["id"]: passage["text"] for passage in source["passages"]}


def words_of(text: str) -> list[str]:
    return re.findall(r"[a-z0-9]+", text.lower().replace("’", "'").replace("-", " "))


def sources_of(wording: dict[str, object]) -> list[str]:
    metadata = wording.get("metadata") or {}
    assert isinstance(metadata, dict)
    sources: list[str] = metadata.get("sources", [])
    return sources


def wordings_of(*groups: str) -> list[tuple[str, dict[str, object]]]:
    return [
        (topic.id, wording)
        for topic in shipped_topics().of_group(*groups)
        for wording in responses()[f"utter_{topic.id}"]
    ]


def test_every_topic_has_examples_enough() -> None:
    for topic in shipped_topics().values():
        least = 150 if topic.id == FALLBACK else 40 if topic.group == "dialogue" else 60
        assert len(examples()[topic.id]) >= least, topic.id


def test_examples_teach_no_other_topics() -> None:
    assert set(examples()) == set(shipped_topics()) | OWN_INTENTS


def test_no_example_stands_twice() -> None:
    texts = [" ".join(words_of(text)) or text for group in examples().values() for text in group]
    assert [text for text, times in Counter(texts).items() if times > 1] == []


def test_every_faq_and_practical_topic_has_two_wordings_and_a_label() -> None:
    for topic in shipped_topics().of_group("faq", "practical"):
        assert len(responses()[f"utter_{topic.id}"]) >= 2, topic.id
        assert topic.label


@pytest.mark.parametrize(("topic", "wording"), wordings_of("faq"))
def test_an_answer_about_the_therapy_has_40_to_90_words(
    topic: str, wording: dict[str, str]
) -> None:
    assert 40 <= len(wording["text"].split()) <= 90


@pytest.mark.parametrize(("topic", "wording"), wordings_of("faq"))
def test_an_answer_about_the_therapy_names_passages_that_exist(
    topic: str, wording: dict[str, object]
) -> None:
    assert sources_of(wording)
    assert set(sources_of(wording)) <= set(passages())


def test_every_passage_is_covered_by_some_answer() -> None:
    covered = {source for _, wording in wordings_of("faq") for source in sources_of(wording)}
    assert set(passages()) - covered == {"imprint"}


@pytest.mark.parametrize("key", sorted(responses()))
def test_no_answer_copies_eight_words_in_a_row_from_the_source(key: str) -> None:
    source = words_of(" ".join(passages().values()))
    runs = {tuple(source[i : i + 8]) for i in range(len(source) - 7)}
    for wording in responses()[key]:
        text = words_of(str(wording["text"]))
        copied = [text[i : i + 8] for i in range(len(text) - 7) if tuple(text[i : i + 8]) in runs]
        assert not copied


@pytest.mark.parametrize("key", sorted(k for k in responses() if k.startswith("utter_crisis")))
def test_what_is_said_in_danger_is_safe_messaging(key: str) -> None:
    for wording in responses()[key]:
        text = str(wording["text"]).lower()
        for banned in BANNED:
            assert banned not in text, banned
        assert text.isascii(), "no emoji"


def test_a_full_reply_says_what_it_is_and_what_the_clinic_is_not() -> None:
    for kind in ("any", "overdose", "abuse", "child", "someone_else", "harm_to_others"):
        reply = Content(CLINIC).crisis_reply(Said(danger=(kind,)))
        assert "automated assistant" in reply.text
        assert "nobody watches" in reply.text
        assert "not a crisis service" in reply.text
        assert "sure" in reply.text, "one need not be sure"
        assert 2 <= len(reply.helplines) <= 4
        assert not reply.choices


def test_overdose_leads_with_911_even_if_one_feels_all_right() -> None:
    reply = Content(CLINIC).crisis_reply(Said(danger=("overdose", "any")))
    assert reply.helplines[0].call == "911"
    assert reply.helplines[1].call == "1-844-764-7669"
    assert "even if you feel all right" in reply.text


def test_danger_again_is_met_in_other_words() -> None:
    content = Content(CLINIC)
    keys: list[str] = []
    texts = []
    for _ in range(4):
        reply = content.crisis_reply(Said(keys=tuple(keys), danger=("any",)))
        keys.append(reply.key)
        texts.append(reply.text)
    assert all(a != b for a, b in pairwise(texts))
    assert keys[0] == CRISIS_KEY


def test_a_new_kind_of_danger_says_what_to_do_about_it() -> None:
    reply = Content(CLINIC).crisis_reply(Said(keys=(CRISIS_KEY,), danger=("overdose", "any")))
    assert "911 now" in reply.text


def test_after_danger_an_answer_has_the_lines_and_no_choices() -> None:
    reply = Content(CLINIC).reply("utter_faq/principles", Said(danger=("any",)))
    assert reply.helplines == lines_for(("any",))
    assert not reply.choices


def test_the_soft_line_is_one_line_with_988() -> None:
    content = Content(CLINIC)
    reply = content.reply("utter_faq/who_it_helps", soft=True)
    assert reply.text.endswith(content.text("utter_crisis_soft"))
    assert [line.call for line in reply.helplines] == ["988"]
    assert reply.kind == "answer"


def test_the_same_question_twice_is_answered_in_other_words() -> None:
    content = Content(CLINIC)
    for topic in shipped_topics().of_group("faq", "practical"):
        key = f"utter_{topic.id}"
        assert content.reply(key).text != content.reply(key, Said(keys=(key,))).text


def test_choices_lead_to_what_was_not_answered_yet() -> None:
    content = Content(CLINIC)
    offered = [choice.choice for choice in content.reply("utter_faq/principles").choices]
    later = content.reply("utter_faq/principles", Said(keys=(f"utter_{offered[0]}",)))
    assert offered[0] not in [choice.choice for choice in later.choices]


def test_what_the_bot_does_not_know_leads_to_a_person() -> None:
    for topic in shipped_topics().of_group("practical"):
        reply = Content(CLINIC).reply(f"utter_{topic.id}")
        assert reply.kind == "unknown"
        assert reply.choices[0].choice == "contact"


@pytest.mark.parametrize("key", ["utter_faq/principles", "utter_practical/fees"])
def test_what_may_have_been_meant_instead_is_offered_beside_an_answer(key: str) -> None:
    offered = Content(CLINIC).reply(key, beside="faq/does_it_work").choices
    topics = [choice.choice for choice in offered if choice.choice != "contact"]
    assert topics[0] == "faq/does_it_work"
    assert len(offered) <= 3
    next_anyway = shipped_topics()["faq/principles"].next[1]
    again = Content(CLINIC).reply("utter_faq/principles", beside=next_anyway).choices
    assert [choice.choice for choice in again].count(next_anyway) == 1


def test_two_questions_get_both_answers_and_both_sources() -> None:
    content = Content(CLINIC)
    both = content.reply("utter_faq/principles", also="practical/fees")
    alone = content.reply("utter_faq/principles")
    assert both.text.startswith(alone.text)
    assert content.choice("practical/fees").title in both.text
    assert "prices" in both.text or "costs" in both.text
    assert both.choices[0].choice == "contact", "the clinic knows what we do not"
    more = content.reply("utter_faq/principles", also="faq/culture_and_power")
    assert set(more.sources) >= set(alone.sources)
    assert "faq/culture_and_power" not in [choice.choice for choice in more.choices]


def test_kinds_are_those_of_the_contract() -> None:
    kinds = {kind_of(key) for key in responses()}
    assert kinds == {"answer", "unknown", "suggestions", "contact", "crisis", "smalltalk"}


def test_no_placeholder_is_left_in_a_text() -> None:
    content = Content(CLINIC)
    for key in responses():
        assert "{" not in content.text(key, reference="X", question="X")


def test_no_answer_names_a_price_an_hour_or_an_address() -> None:
    for topic, wording in wordings_of("faq", "practical"):
        text = str(wording["text"])
        assert not re.search(r"[$€£]|\d", text), topic


def test_an_answer_to_a_passage_that_does_not_exist_is_refused(tmp_path: Path) -> None:
    domain = (ROOT / "domain.yml").read_text(encoding="utf-8")
    (tmp_path / "domain.yml").write_text(domain.replace("principle-wellbeing", "invented"))
    with pytest.raises(ContentError, match="invented"):
        Content(CLINIC, domain=tmp_path / "domain.yml")


def test_a_topic_without_an_answer_is_refused(tmp_path: Path) -> None:
    domain = (ROOT / "domain.yml").read_text(encoding="utf-8")
    (tmp_path / "domain.yml").write_text(domain.replace("utter_faq/principles:", "utter_other:"))
    with pytest.raises(ContentError, match="faq/principles"):
        Content(CLINIC, domain=tmp_path / "domain.yml")


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ('call: "988"', 'call: "1-833-456-4566"', "no longer answered"),
        ('call: "988"', 'call: "ask"', "no number"),
        ("checked: 2026-11-01", "checked: soon", "on which day"),
        ("any: [", "anybody: [", "any danger"),
        ("overdose: [", "overdose: [nobody, ", "no such line"),
        ('any: ["911", "988", distress-centres]', 'any: ["911"]', "two to four"),
        ("lines:", "line:", "lacks"),
    ],
)
def test_a_broken_file_of_helplines_is_refused(old: str, new: str, says: str) -> None:
    source = (ROOT / "bot" / "helplines.yml").read_text(encoding="utf-8")
    with pytest.raises(HelplinesError, match=says):
        Helplines(source.replace(old, new, 1))


def test_every_helpline_says_when_it_was_checked() -> None:
    assert len(shipped_helplines().checked) >= 8


def test_help_of_several_kinds_is_at_most_four_lines_without_repeats() -> None:
    lines = lines_for(("overdose", "child", "any"))
    assert len(lines) == len(set(lines)) == 4
