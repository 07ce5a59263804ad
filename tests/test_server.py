"""The real server, driven over HTTP as the website and others do: the shapes of CONTRACT.md."""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
import sqlalchemy as sa

from bot.crisis import shipped_rules
from bot.store import Store
from tests.conftest import Server, Visitor

pytestmark = pytest.mark.model


def keys_of(answer: dict[str, Any]) -> list[str]:
    return [reply["key"] for reply in answer["replies"]]


def text_of(answer: dict[str, Any]) -> str:
    return "\n".join(reply["text"] for reply in answer["replies"])


def choices_of(answer: dict[str, Any]) -> list[str]:
    return [choice["choice"] for reply in answer["replies"] for choice in reply["choices"]]


class TestAsking:
    @pytest.mark.parametrize(
        ("text", "topic"),
        [
            ("what is relational therapy", "faq/what_is_relational_therapy"),
            ("waht is relatonal thrapy?", "faq/what_is_relational_therapy"),
            ("how does it handle culture and power", "faq/culture_and_power"),
            ("how dose it handel cultuer adn power", "faq/culture_and_power"),
            ("i'm brown and queer, would someone there get that?", "faq/culture_and_power"),
            ("/what is relational therapy", "faq/what_is_relational_therapy"),
        ],
    )
    def test_a_question_gets_its_curated_answer(
        self, visitor: Visitor, text: str, topic: str
    ) -> None:
        answer = visitor.say(text)
        assert answer["topic"] == topic
        assert answer["kind"] == "answer"
        assert answer["confidence"] >= 0.5
        (reply,) = answer["replies"]
        assert reply["key"] == f"utter_{topic}"
        assert reply["sources"]
        assert 2 <= len(reply["choices"]) <= 3
        assert not reply["helplines"]

    def test_a_pressed_choice_is_answered(self, visitor: Visitor) -> None:
        answer = visitor.press("faq/principles")
        assert (answer["topic"], answer["kind"]) == ("faq/principles", "answer")
        assert answer["confidence"] == 1.0

    def test_what_the_clinic_has_not_told_is_not_invented(self, visitor: Visitor) -> None:
        answer = visitor.say("how much is a session")
        assert (answer["topic"], answer["kind"]) == ("practical/fees", "unknown")
        assert "$" not in text_of(answer)
        assert choices_of(answer)[0] == "contact"

    def test_other_subjects_are_not_answered(self, visitor: Visitor) -> None:
        answer = visitor.say("what is the capital of mongolia")
        assert answer["topic"] == "nlu_fallback"
        assert answer["kind"] in ("unknown", "suggestions")

    def test_typed_commands_are_only_words(self, visitor: Visitor) -> None:
        for command in ("/restart", '/greet{"name": "x"}', "/crisis", "//goodbye", "/"):
            assert visitor.say(command)["replies"]
        assert visitor.say("/faq")["kind"] != "error"


class TestTalking:
    def test_tell_me_more_goes_on_with_the_topic_before(self, visitor: Visitor) -> None:
        offered = choices_of(visitor.say("what is relational therapy"))
        more = visitor.say("tell me more")
        assert more["topic"] == offered[0]
        assert more["kind"] == "answer"

    def test_why_is_answered_in_other_words(self, visitor: Visitor) -> None:
        first = visitor.say("what is relational therapy")
        again = visitor.say("can you say that in plain words?")
        assert again["topic"] == first["topic"]
        assert text_of(again) != text_of(first)
        assert visitor.say("sorry, how do you mean?")["topic"] != first["topic"]

    def test_more_of_what_is_not_known_leads_to_a_person(self, visitor: Visitor) -> None:
        visitor.say("how much is a session")
        more = visitor.say("tell me more")
        assert keys_of(more) == ["utter_more_done"]
        assert choices_of(more) == ["contact"]

    def test_a_fragment_is_understood_by_the_answer_before_it(self, visitor: Visitor) -> None:
        visitor.say("is what i say kept private")
        assert visitor.say("and the police?")["topic"] == "practical/confidentiality"

    def test_tell_me_more_with_nothing_before_asks_about_what(self, visitor: Visitor) -> None:
        assert keys_of(visitor.say("tell me more")) == ["utter_more_nothing"]

    def test_what_about_culture_is_understood_after_another_answer(self, visitor: Visitor) -> None:
        visitor.say("what is relational therapy")
        assert visitor.say("what about culture?")["topic"] == "faq/culture_and_power"
        assert visitor.say("and how does it work?")["topic"] == "faq/how_it_works"

    def test_yes_means_the_offer_before_it(self, visitor: Visitor) -> None:
        visitor.say("how much is a session")
        answer = visitor.say("yes")
        assert answer["kind"] == "contact"
        (reply,) = answer["replies"]
        assert reply["form"]["action"] == "/api/contact"
        assert reply["form"]["prefill"]["message"] == "how much is a session"

    def test_yes_and_no_out_of_the_blue_are_met(self, visitor: Visitor) -> None:
        assert keys_of(visitor.say("yes")) == ["utter_yes"]
        assert keys_of(visitor.say("no")) == ["utter_no"]

    def test_the_same_question_twice_is_answered_in_other_words(self, visitor: Visitor) -> None:
        first = visitor.say("what is relational therapy")
        second = visitor.say("what is relational therapy")
        assert first["topic"] == second["topic"]
        assert text_of(first) != text_of(second)

    def test_lost_twice_leads_to_the_form(self, visitor: Visitor) -> None:
        visitor.say("asdkjh qwelkj zxcmnb")
        answer = visitor.say("qpwoei rutyal skdjfh")
        assert answer["kind"] in ("unknown", "suggestions")
        if answer["kind"] == "unknown":
            assert "form" in answer["replies"][0]

    def test_a_greeting_a_thank_and_a_goodbye(self, visitor: Visitor) -> None:
        for text, topic in (("hello", "greet"), ("thanks", "thank"), ("bye", "goodbye")):
            answer = visitor.say(text)
            assert (answer["topic"], answer["kind"]) == (topic, "smalltalk")

    def test_pain_is_met_with_kindness_and_988(self, visitor: Visitor) -> None:
        answer = visitor.say("i feel so lonely since he left, i cry every night")
        assert answer["topic"] == "personal_distress"
        assert "9-8-8" in text_of(answer)
        assert "contact" in choices_of(answer)


class TestDanger:
    def test_danger_is_shown_help_on_the_same_turn(self, visitor: Visitor) -> None:
        answer = visitor.say("i want to kill myself")
        assert (answer["topic"], answer["kind"]) == ("crisis", "crisis")
        (reply,) = answer["replies"]
        assert [line["call"] for line in reply["helplines"]][:2] == ["911", "988"]
        assert reply["pinned"]
        assert not reply["choices"]

    def test_danger_inside_a_long_question_is_seen(self, visitor: Visitor) -> None:
        long = "I would like to know what a session costs and if you are open on weekends. " * 6
        answer = visitor.say(f"{long} Last night I took all my pills. {long}")
        assert answer["kind"] == "crisis"

    def test_the_lines_stay_and_a_plain_question_is_still_answered(self, visitor: Visitor) -> None:
        visitor.say("i want to die")
        answer = visitor.say("what is relational therapy")
        assert answer["kind"] == "answer"
        (reply,) = answer["replies"]
        assert reply["helplines"]
        assert not reply["choices"]

    def test_danger_again_is_met_in_other_words(self, visitor: Visitor) -> None:
        first = visitor.say("i want to die")
        second = visitor.say("i really want to die")
        assert second["kind"] == "crisis"
        assert text_of(first) != text_of(second)

    def test_just_joking_is_thanked_and_the_lines_stay(self, visitor: Visitor) -> None:
        visitor.say("i want to kill myself")
        answer = visitor.say("just joking")
        assert keys_of(answer) == ["utter_crisis_joking"]
        assert answer["replies"][0]["helplines"]

    def test_the_words_of_a_crisis_are_kept_nowhere(
        self, chat_server: Server, visitor: Visitor
    ) -> None:
        visitor.say("i want to kill myself with the zebrafish knife")
        engine = sa.create_engine(chat_server.database_url)
        with engine.connect() as connection:
            tables = sa.inspect(engine).get_table_names()
            for table in tables:
                rows = connection.execute(sa.text(f"SELECT * FROM {table}")).fetchall()  # noqa: S608
                assert "zebrafish" not in str(rows), table
        assert "zebrafish" not in chat_server.log.read_text()

    def test_the_log_says_which_rules_and_which_model_look(self, chat_server: Server) -> None:
        rules = shipped_rules().version
        assert re.search(
            rf"danger is looked for by rules {rules} and model [0-9a-f]{{12}}",
            chat_server.log.read_text(),
        )

    def test_danger_is_counted_without_words(self, chat_server: Server, visitor: Visitor) -> None:
        store = chat_server.store()
        before = sum(store.danger_counts().values())
        visitor.say("i want to kill myself")
        assert sum(store.danger_counts().values()) == before + 1

    def test_a_pressed_helpline_is_counted_without_the_visitor(
        self, chat_server: Server, visitor: Visitor
    ) -> None:
        store = chat_server.store()
        before = sum(store.presses().values())
        line = visitor.say("i want to kill myself")["replies"][0]["helplines"][0]["name"]
        assert visitor.client.post("/api/pressed", json={"line": line}).status_code == 204
        assert sum(store.presses().values()) == before + 1

    @pytest.mark.parametrize("line", [None, "", "The clinic's cat", ["911"], {"a": 1}])
    def test_a_line_that_was_never_offered_is_not_counted(
        self, chat_server: Server, visitor: Visitor, line: Any
    ) -> None:
        before = chat_server.store().presses()
        response = visitor.client.post("/api/pressed", json={"line": line})
        assert response.status_code == 400
        assert response.json()["error"]["code"] == "unknown_line"
        assert chat_server.store().presses() == before


class TestContact:
    def test_a_request_is_kept_and_answered_with_its_reference(
        self, chat_server: Server, visitor: Visitor
    ) -> None:
        response = visitor.write_to_clinic(message="A first session, please.")
        assert response.status_code == 201
        reference = response.json()["reference"]
        assert reference in text_of(response.json())
        kept = {request.reference: request for request in chat_server.store().contact_requests()}
        assert kept[reference].message == "A first session, please."
        assert not kept[reference].urgent

    def test_the_conversation_remembers_that_it_was_sent(self, visitor: Visitor) -> None:
        visitor.say("can i talk to a real person")
        reference = visitor.write_to_clinic(message="Please call.").json()["reference"]
        *_, offer, thanks = visitor.history()["messages"]
        assert offer["form"]
        assert reference in thanks["text"]
        assert (
            visitor.say("what is relational therapy")["topic"] == "faq/what_is_relational_therapy"
        )

    def test_the_same_request_again_makes_one(self, visitor: Visitor) -> None:
        visitor.say("hello")
        first = visitor.write_to_clinic(message="Only once.")
        assert (
            visitor.write_to_clinic(message="Only once.").json()["reference"]
            == first.json()["reference"]
        )

    def test_what_is_wrong_is_told_by_field(self, visitor: Visitor) -> None:
        response = visitor.write_to_clinic(email="ana@", name="")
        assert response.status_code == 422
        assert set(response.json()["errors"]) == {"email", "name"}

    def test_danger_in_a_field_waits_for_the_visitor(
        self, chat_server: Server, visitor: Visitor
    ) -> None:
        visitor.say("hello")
        message = "Please call soon, I want to kill myself."
        response = visitor.write_to_clinic(message=message)
        assert response.status_code == 200
        held = response.json()
        assert held["held"] is True
        assert held["replies"][0]["helplines"]
        assert message not in [r.message for r in chat_server.store().contact_requests()]
        history = visitor.history()
        assert history["messages"][-1]["text"] == held["replies"][0]["text"]
        assert [line["call"] for line in history["helplines"]][:1] == ["911"]
        sent = visitor.write_to_clinic(message=message, send_anyway=True)
        assert sent.status_code == 201
        (kept,) = [r for r in chat_server.store().contact_requests() if r.message == message]
        assert kept.urgent

    def test_the_form_without_scripts_is_answered_with_a_page(self, visitor: Visitor) -> None:
        form = {"name": "Ana", "phone": "416 555 0123", "message": "Hello", "consent": "on"}
        kept = visitor.client.post("/api/contact", data=form)
        assert kept.status_code == 201
        assert "text/html" in kept.headers["content-type"]
        wrong = visitor.client.post("/api/contact", data={**form, "phone": "12"})
        assert wrong.status_code == 422
        assert "Hello" in wrong.text, "what was typed is kept on the page"

    def test_the_form_without_scripts_shows_help_too(self, visitor: Visitor) -> None:
        form = {"name": "Ana", "phone": "416 555 0123", "message": "I want to die", "consent": "on"}
        held = visitor.client.post("/api/contact", data=form)
        assert held.status_code == 200
        assert "9-8-8" in held.text
        assert "send_anyway" in held.text

    def test_what_was_said_fills_the_form_in_and_is_not_logged(
        self, chat_server: Server, visitor: Visitor
    ) -> None:
        answer = visitor.say("please have someone call me at 416 555 0187, my name is Ana Lima")
        assert answer["kind"] == "contact"
        prefill = answer["replies"][0]["form"]["prefill"]
        assert prefill["phone"] == "416 555 0187"
        assert prefill["name"] == "Ana Lima"
        with sa.create_engine(chat_server.database_url).connect() as connection:
            rows = connection.execute(sa.text("SELECT data FROM events")).fetchall()
        assert "555 0187" not in str(rows)
        assert "Lima" not in str(rows)


class TestSessions:
    def test_a_conversation_is_restored(self, visitor: Visitor) -> None:
        visitor.say("what is relational therapy")
        history = visitor.history()
        assert [message["from"] for message in history["messages"]] == ["visitor", "assistant"]
        assert history["messages"][1]["kind"] == "answer"
        assert history["messages"][1]["choices"]
        assert history["helplines"] == []

    def test_after_danger_the_lines_are_restored_and_the_words_are_not(
        self, visitor: Visitor
    ) -> None:
        visitor.say("i want to die")
        history = visitor.history()
        assert history["messages"][0]["text"] == ""
        assert [line["call"] for line in history["helplines"]][:2] == ["911", "988"]

    def test_who_comes_back_after_a_week_reads_again_what_this_is(
        self, chat_server: Server, visitor: Visitor
    ) -> None:
        visitor.say("hello")
        opening = visitor.client.get("/api/opening").json()["opening"]
        for days, reminded in ((6, False), (2, True)):
            _age_newest_conversation(chat_server, timedelta(days=days))
            texts = [message["text"] for message in visitor.history()["messages"]]
            assert (texts[-1] == opening) is reminded
        visitor.say("thanks")
        assert visitor.history()["messages"][-1]["text"] != opening

    def test_an_erased_conversation_is_gone(self, chat_server: Server, visitor: Visitor) -> None:
        visitor.say("a quokka asked me what relational therapy is")
        gone = visitor.client.request("DELETE", "/api/session", json={"session": visitor.session})
        assert gone.status_code == 204
        with sa.create_engine(chat_server.database_url).connect() as connection:
            assert "quokka" not in str(
                connection.execute(sa.text("SELECT * FROM events")).fetchall()
            )
        history = visitor.history()
        assert history["messages"] == []

    @pytest.mark.parametrize("token", ["", "x", "0" * 32, "0" * 32 + ".forged"])
    def test_a_foreign_token_opens_nothing(self, visitor: Visitor, token: str) -> None:
        assert visitor.client.get("/api/session", params={"session": token}).status_code == 401
        erased = visitor.client.request("DELETE", "/api/session", json={"session": token})
        assert erased.status_code == 401

    def test_a_visitor_cannot_name_a_conversation(self, visitor: Visitor) -> None:
        said = visitor.client.post(
            "/api/chat", json={"text": "hi", "session": "me", "sender": "you"}
        )
        assert said.status_code == 401


class TestFeedback:
    def test_a_thumb_is_kept(self, chat_server: Server, visitor: Visitor) -> None:
        visitor.say("what is relational therapy")
        given = {
            "session": visitor.session,
            "key": "utter_faq/what_is_relational_therapy",
            "helpful": False,
            "reason": "write to ana@example.com",
        }
        assert visitor.client.post("/api/feedback", json=given).status_code == 204
        assert "write to [email]" in [f.reason for f in chat_server.store().feedback()]

    @pytest.mark.parametrize(
        "wrong",
        [{"key": "utter_nothing"}, {"helpful": "yes"}, {"reason": "x" * 501}, {"reason": 1}],
    )
    def test_odd_feedback_is_refused(self, visitor: Visitor, wrong: dict[str, object]) -> None:
        visitor.say("hello")
        given = {"session": visitor.session, "key": "utter_greet", "helpful": True, **wrong}
        refused = visitor.client.post("/api/feedback", json=given)
        assert refused.status_code == 400
        assert refused.json()["error"]["message"]


class TestRefusals:
    @pytest.mark.parametrize(
        ("body", "status", "code"),
        [
            (b"", 400, "malformed"),
            (b"{", 400, "malformed"),
            (b"[]", 400, "malformed"),
            (b"{}", 400, "malformed"),
            (b'{"text": ""}', 400, "empty"),
            (b'{"text": "  \\u0000 "}', 400, "empty"),
            (b'{"text": 5}', 400, "empty"),
            (b'{"choice": "faq/nothing"}', 400, "unknown_choice"),
            (b'{"choice": "crisis"}', 400, "unknown_choice"),
            (b'{"choice": ["x"]}', 400, "unknown_choice"),
            (b'{"text": "' + b"x" * 2001 + b'"}', 413, "too_long"),
            (b'{"text": "' + b"x" * 20_000 + b'"}', 413, "too_large"),
        ],
    )
    def test_bad_input_is_refused_with_a_sentence(
        self, visitor: Visitor, body: bytes, status: int, code: str
    ) -> None:
        refused = visitor.client.post("/api/chat", content=body)
        assert refused.status_code == status
        assert refused.json()["error"]["code"] == code
        assert refused.json()["error"]["message"].endswith(".")

    def test_2000_characters_are_read(self, visitor: Visitor) -> None:
        assert visitor.say("what is relational therapy " * 74)["replies"]

    def test_odd_characters_are_read(self, visitor: Visitor) -> None:
        for text in (
            "😀" * 50,
            "\ud83d",
            "ﷺ" * 20,
            "\u202ewhat is it",
            "a\u0300" * 300,
            "<b>hi</b>",
        ):
            assert visitor.client.post("/api/chat", json={"text": text}).status_code == 200

    def test_an_address_that_is_not_there(self, visitor: Visitor) -> None:
        assert visitor.client.get("/api/nothing").status_code == 404
        assert visitor.client.get("/api/chat").status_code == 405

    def test_rasas_own_doors_are_shut(self, visitor: Visitor) -> None:
        for path in (
            "/webhooks/rest/webhook",
            "/conversations/x/tracker",
            "/model/parse",
            "/domain",
        ):
            assert visitor.client.post(path, json={}).status_code in (404, 405)

    def test_every_answer_carries_the_security_headers(self, visitor: Visitor) -> None:
        for path in ("/", "/faq", "/health/live", "/api/nothing"):
            headers = visitor.client.get(path).headers
            assert "default-src 'none'" in headers["content-security-policy"]
            assert headers["x-content-type-options"] == "nosniff"


class TestPages:
    @pytest.mark.parametrize("path", ["/", "/faq", "/contact", "/privacy", "/widget.js"])
    def test_each_page_is_there(self, visitor: Visitor, path: str) -> None:
        page = visitor.client.get(path)
        assert page.status_code == 200
        assert len(page.text) > 500

    def test_the_faq_page_says_what_the_bot_says(self, visitor: Visitor) -> None:
        first_line = text_of(visitor.press("faq/principles")).split("\n")[0]
        assert first_line.split(".")[0] in visitor.client.get("/faq").text.replace("&#39;", "'")

    def test_health_and_metrics(self, visitor: Visitor) -> None:
        assert visitor.client.get("/health/live").json() == {"status": "live"}
        assert visitor.client.get("/health/ready").status_code == 200
        visitor.say("hello")
        assert 'rapport_messages_total{kind="smalltalk"}' in visitor.client.get("/metrics").text

    def test_the_opening_says_what_it_is(self, visitor: Visitor) -> None:
        opening = visitor.client.get("/api/opening").json()
        assert "automated" in opening["opening"]
        assert len(opening["choices"]) == 4


class TestOtherSettings:
    def test_too_many_messages_are_refused_kindly(
        self, start_server: Callable[..., Server]
    ) -> None:
        server = start_server(BOT_RATE_LIMIT="5", BOT_ALLOWED_ORIGINS="https://clinic.example")
        statuses = [
            httpx.post(f"{server.url}/api/chat", json={"text": "hello"}).status_code
            for _ in range(7)
        ]
        assert statuses == [200] * 5 + [429] * 2
        refused = httpx.post(f"{server.url}/api/chat", json={"text": "hello"})
        assert "9-8-8" in refused.json()["error"]["message"]
        form = {"name": "A", "email": "a@example.com", "message": "x", "consent": True}
        assert httpx.post(f"{server.url}/api/contact", json=form).status_code == 201
        assert httpx.post(f"{server.url}/api/contact", json=form).status_code == 429
        self._only_its_own_site_may_embed_it(server)
        server.stop()

    def _only_its_own_site_may_embed_it(self, server: Server) -> None:
        for origin, allowed in (("https://clinic.example", True), ("https://other.example", False)):
            asked = httpx.options(
                f"{server.url}/api/chat",
                headers={
                    "Origin": origin,
                    "Access-Control-Request-Method": "POST",
                    "Access-Control-Request-Headers": "content-type",
                },
            )
            assert (asked.headers.get("access-control-allow-origin") == origin) is allowed

    def test_with_no_model_danger_is_still_shown_help(
        self, start_server: Callable[..., Server], tmp_path_factory: pytest.TempPathFactory
    ) -> None:
        empty = tmp_path_factory.mktemp("no-models")
        server = start_server(wait_for="/health/live", BOT_MODELS=str(empty))
        danger = httpx.post(f"{server.url}/api/chat", json={"text": "i want to kill myself"})
        assert danger.status_code == 503
        assert danger.json()["kind"] == "crisis"
        assert danger.json()["replies"][0]["helplines"][0]["call"] == "911"
        plain = httpx.post(f"{server.url}/api/chat", json={"text": "what is it"})
        assert plain.status_code == 503
        assert plain.json()["error"]["message"]
        assert plain.json()["helplines"]
        assert httpx.get(f"{server.url}/health/ready").status_code == 503
        form = {"name": "A", "email": "a@example.com", "message": "hello", "consent": True}
        assert httpx.post(f"{server.url}/api/contact", json=form).status_code == 201
        held = httpx.post(f"{server.url}/api/contact", json={**form, "message": "i want to die"})
        assert held.json()["held"] is True
        server.stop()

    def test_with_a_broken_encoder_danger_is_still_shown_help(
        self, start_server: Callable[..., Server], model: Path, tmp_path: Path
    ) -> None:
        shutil.copytree(model.parent, tmp_path / "models", copy_function=os.link)
        for graph in (tmp_path / "models" / "encoders").rglob("*.onnx"):
            graph.unlink()
            graph.write_bytes(b"broken")
        server = start_server(
            wait_for="/health/live",
            BOT_MODELS=str(tmp_path / "models"),
            BOT_WEIGHTS=str(tmp_path / "none"),
        )
        danger = httpx.post(f"{server.url}/api/chat", json={"text": "i want to kill myself"})
        assert danger.json()["kind"] == "crisis"
        assert danger.json()["replies"][0]["helplines"][0]["call"] == "911"
        assert httpx.get(f"{server.url}/health/ready").status_code == 503
        assert "BOT_WEIGHTS" in server.log.read_text(), "it says what to do"
        server.stop()

    @pytest.mark.parametrize("database", ["sqlite", "postgresql"])
    def test_a_database_that_keeps_it_waiting_holds_no_help_back(
        self,
        start_server: Callable[..., Server],
        database: str,
        request: pytest.FixtureRequest,
    ) -> None:
        given = {}
        if database == "postgresql":
            given["BOT_DATABASE_URL"] = request.getfixturevalue("postgresql_url")
        server = start_server(**given)
        assert httpx.post(f"{server.url}/api/chat", json={"text": "hello"}).status_code == 200
        lock = {"sqlite": "BEGIN EXCLUSIVE", "postgresql": "LOCK TABLE events, danger_counts"}
        with sa.create_engine(server.database_url).connect() as connection:
            connection.exec_driver_sql(lock[database])
            # The widget gives up after 20 seconds.
            danger = httpx.post(
                f"{server.url}/api/chat", json={"text": "i want to kill myself"}, timeout=18
            )
        assert danger.json()["kind"] == "crisis"
        assert danger.json()["replies"][0]["helplines"][0]["call"] == "911"
        server.stop()

    def test_with_the_database_gone_it_still_answers(
        self, start_server: Callable[..., Server], postgresql_url: str
    ) -> None:
        """Its newest words are lost, its answers are not; a form says that it was not sent."""
        server = start_server(BOT_DATABASE_URL=postgresql_url)
        assert httpx.post(f"{server.url}/api/chat", json={"text": "hello"}).status_code == 200
        _drop(postgresql_url)
        answer = httpx.post(
            f"{server.url}/api/chat", json={"text": "what is relational therapy"}, timeout=30
        )
        assert answer.status_code == 200
        assert answer.json()["topic"] == "faq/what_is_relational_therapy"
        danger = httpx.post(f"{server.url}/api/chat", json={"text": "i want to die"}, timeout=30)
        assert danger.json()["kind"] == "crisis"
        form = {"name": "A", "email": "a@example.com", "message": "walrus", "consent": True}
        refused = httpx.post(f"{server.url}/api/contact", json=form, timeout=30)
        assert refused.status_code == 503
        assert refused.json()["error"]["message"]
        assert refused.json()["helplines"]
        assert "walrus" not in server.log.read_text()
        server.stop()


def _age_newest_conversation(server: Server, by: timedelta) -> None:
    with sa.create_engine(server.database_url).begin() as connection:
        query = """SELECT id, data FROM events WHERE sender_id =
            (SELECT sender_id FROM events ORDER BY id DESC LIMIT 1)"""
        for number, data in connection.execute(sa.text(query)).fetchall():
            event = json.loads(data)
            event["timestamp"] -= by.total_seconds()
            connection.execute(
                sa.text("UPDATE events SET data = :data, timestamp = :timestamp WHERE id = :id"),
                {"data": json.dumps(event), "timestamp": event["timestamp"], "id": number},
            )


def _drop(url: str) -> None:
    address = sa.engine.make_url(url)
    engine = sa.create_engine(address.set(database="postgres"), isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(sa.text(f'DROP DATABASE "{address.database}" WITH (FORCE)'))


def test_the_store_and_the_conversations_live_in_one_database(
    chat_server: Server, visitor: Visitor
) -> None:
    visitor.say("hello")
    Store(chat_server.database_url)
    names = sa.inspect(sa.create_engine(chat_server.database_url)).get_table_names()
    assert {"events", "contact_requests", "feedback", "danger_counts", "helpline_presses"} <= set(
        names
    )
