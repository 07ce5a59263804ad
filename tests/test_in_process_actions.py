"""What a custom action gives is checked as by Rasa, without an action server."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from jsonschema import ValidationError
from rasa.core.actions.action import RemoteAction
from rasa.utils.endpoints import ClientResponseError
from rasa_sdk import Action
from rasa_sdk.interfaces import ActionExecutionRejection

from bot.dialogue.in_process_actions import InProcessActions

CALL = {
    "next_action": "action_of_the_test",
    "sender_id": "c1",
    "tracker": {"sender_id": "c1", "slots": {}, "events": []},
    "domain": {},
}


def test_a_result_is_checked() -> None:
    action = RemoteAction("action_of_the_test", InProcessActions())
    good = {"events": [{"event": "slot", "name": "topic", "value": "x", "timestamp": None}]}
    assert action._validate_action_result(good)
    for bad in ({"events": [{"event": "no such event"}]}, {"responses": ["words"]}):
        with pytest.raises(ValidationError):
            action._validate_action_result(bad)


def test_an_action_that_refuses_is_told_to_rasa() -> None:
    class Refusing(Action):
        def name(self) -> str:
            return "action_of_the_test"

        def run(self, dispatcher: Any, tracker: Any, domain: Any) -> list[dict[str, Any]]:
            raise ActionExecutionRejection(self.name(), "not now")

    actions = InProcessActions()
    actions._executor.register_action(Refusing())
    with pytest.raises(ClientResponseError) as refused:
        asyncio.run(actions.request(json=CALL))
    assert refused.value.status == 400
    assert "not now" in refused.value.text
