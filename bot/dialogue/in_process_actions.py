"""Runs the custom actions inside the bot's process: no second server to run and to guard."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

from jsonschema.protocols import Validator
from jsonschema.validators import validator_for
from rasa.core.actions.action import RemoteAction
from rasa.utils.endpoints import ClientResponseError, EndpointConfig
from rasa_sdk.executor import ActionExecutor
from rasa_sdk.interfaces import ActionExecutionRejection


class InProcessActions(EndpointConfig):
    """An action endpoint that calls the SDK's executor instead of an address."""

    def __init__(self, package: str = "actions") -> None:
        super().__init__(url="in-process")
        # Rasa would check its own schema, which never changes, at every action: about 25 ms.
        RemoteAction._validate_action_result = _check
        self._executor = ActionExecutor()
        self._executor.register_package(package)

    async def request(self, *args: Any, json: dict[str, Any], **kwargs: Any) -> Any:
        """The executor's result for one action call, as an action server would send it."""
        try:
            return await self._executor.run(json)
        except ActionExecutionRejection as rejection:
            raise ClientResponseError(400, "rejected", _rejection(rejection)) from rejection


def _check(_action: RemoteAction, result: dict[str, Any]) -> bool:
    """Raises jsonschema's ValidationError for a result that is none."""
    _form_of_results().validate(result)
    return True


@cache
def _form_of_results() -> Validator:
    schema = RemoteAction.action_response_format_spec()
    kind = validator_for(schema)
    kind.check_schema(schema)
    return kind(schema)


def _rejection(rejection: ActionExecutionRejection) -> str:
    return json.dumps({"action_name": rejection.action_name, "error": rejection.message})
