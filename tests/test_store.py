"""The store keeps what it is given, on every kind of database."""

import threading
from datetime import date, datetime, timedelta, timezone
from pathlib import Path

import pytest
import sqlalchemy as sa

from bot.store import Feedback, NewContactRequest, Store, StoreError
from bot.store.tables import metadata

NOW = datetime(2026, 11, 23, 9, 30, tzinfo=timezone.utc)


@pytest.fixture
def store(database_url: str) -> Store:
    return Store(database_url)


def contact_request(**other: object) -> NewContactRequest:
    given = {
        "conversation": "c1",
        "name": "Ana",
        "email": "ana@example.com",
        "phone": None,
        "message": "Please write.",
        **other,
    }
    return NewContactRequest(**given)  # type: ignore[arg-type]


def test_a_contact_request_is_kept_with_a_reference(store: Store) -> None:
    kept = store.add_contact_request(contact_request(), NOW)
    assert store.contact_requests() == [kept]
    assert kept.received_at == NOW
    assert len(kept.reference) == 9


def test_it_is_still_there_for_another_process(database_url: str) -> None:
    kept = Store(database_url).add_contact_request(contact_request(), NOW)
    assert Store(database_url).contact_requests() == [kept]


def test_the_same_request_again_is_one_request(store: Store) -> None:
    first = store.add_contact_request(contact_request(), NOW)
    again = store.add_contact_request(contact_request(), NOW + timedelta(seconds=5))
    past_midnight = store.add_contact_request(contact_request(), NOW + timedelta(hours=20))
    assert first == again == past_midnight
    assert len(store.contact_requests()) == 1


def test_another_message_is_another_request_newest_first(store: Store) -> None:
    store.add_contact_request(contact_request(), NOW)
    second = store.add_contact_request(contact_request(message="One more thing."), NOW)
    assert store.contact_requests()[0] == second
    assert len(store.contact_requests()) == 2


def test_the_same_request_sent_at_the_same_moment_is_one_request(store: Store) -> None:
    references: list[str] = []
    together = threading.Barrier(4)

    def send() -> None:
        together.wait()
        references.append(store.add_contact_request(contact_request(), NOW).reference)

    threads = [threading.Thread(target=send) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(references) == 4
    assert len(set(references)) == 1
    assert len(store.contact_requests()) == 1


def test_a_second_thought_replaces_the_first(store: Store) -> None:
    store.add_feedback(Feedback("c1", "utter_faq/principles", True, None), NOW)
    second = Feedback("c1", "utter_faq/principles", False, "too long")
    store.add_feedback(second, NOW)
    assert store.feedback() == [second]


def test_danger_is_counted_by_day_without_words(store: Store) -> None:
    today = date(2026, 11, 23)
    for _ in range(3):
        store.count_danger(today, tier="full", kind="any", layer="rules")
    store.count_danger(today, tier="soft", kind="any", layer="model")
    assert store.danger_counts() == {
        (today, "full", "any", "rules"): 3,
        (today, "soft", "any", "model"): 1,
    }


def test_pressed_helplines_are_counted_by_day(store: Store) -> None:
    for day, line in ((23, "9-8-8"), (23, "9-8-8"), (24, "9-8-8"), (23, "Kids")):
        store.count_press(date(2026, 11, day), line)
    assert store.presses() == {
        (date(2026, 11, 23), "9-8-8"): 2,
        (date(2026, 11, 24), "9-8-8"): 1,
        (date(2026, 11, 23), "Kids"): 1,
    }


def test_a_forgotten_conversation_keeps_only_what_was_sent_to_the_clinic(store: Store) -> None:
    store.add_feedback(Feedback("c1", "utter_greet", True, None), NOW)
    store.add_feedback(Feedback("c2", "utter_greet", True, None), NOW)
    store.add_contact_request(contact_request(), NOW)
    store.forget_conversation("c1")
    assert [given.conversation for given in store.feedback()] == ["c2"]
    assert len(store.contact_requests()) == 1


def test_old_feedback_goes_and_new_feedback_stays(store: Store) -> None:
    store.add_feedback(Feedback("old", "utter_greet", True, None), NOW - timedelta(days=31))
    store.add_feedback(Feedback("new", "utter_greet", True, None), NOW)
    store.forget_feedback_before(NOW - timedelta(days=30))
    assert [given.conversation for given in store.feedback()] == ["new"]


def test_the_migrations_make_the_tables_that_the_code_knows(database_url: str) -> None:
    Store(database_url)
    inspector = sa.inspect(sa.create_engine(database_url, future=True))
    for table in metadata.sorted_tables:
        made = {column["name"]: column["nullable"] for column in inspector.get_columns(table.name)}
        assert made == {column.name: column.nullable for column in table.columns}, table.name


def test_a_failure_is_told_without_the_visitors_words(tmp_path: Path) -> None:
    store = Store(f"sqlite:///{tmp_path / 'rapport.db'}")
    with sa.create_engine(f"sqlite:///{tmp_path / 'rapport.db'}").begin() as connection:
        connection.execute(sa.text("DROP TABLE contact_requests"))
    with pytest.raises(StoreError) as failed:
        store.add_contact_request(contact_request(message="my secret"), NOW)
    assert "my secret" not in f"{failed.value} {failed.value.__cause__}"


def test_a_database_that_is_not_there_fails_at_the_start() -> None:
    with pytest.raises(StoreError, match="the database failed"):
        Store("postgresql://nobody@127.0.0.1:1/none")
