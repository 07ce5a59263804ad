"""Puts a visitor's words to Rasa, and brings back replies in the shapes of CONTRACT.md.

What goes into Rasa's log has lost its personal details, and after danger all its words.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from rasa.core.actions.action import create_bot_utterance
from rasa.core.agent import Agent
from rasa.core.channels.channel import OutputChannel, UserMessage
from rasa.shared.core.events import BotUttered, UserUttered
from rasa.shared.core.trackers import DialogueStateTracker

from bot.contact import prefill_from
from bot.content import Content, Reply, Said
from bot.crisis import signs_of_danger
from bot.helplines import lines_for
from bot.outcome import ALSO_ASKED, DANGER, IN_CONTEXT, outcome_of, parse_data_of_choice
from bot.privacy import redact
from bot.topics import CRISIS, FALLBACK, Topics

logger = logging.getLogger(__name__)

# Of the ranking only this much is kept with a conversation.
KEPT_RANKING = 5
# Seconds after which whoever comes back reads again what this is and what it keeps (CRISIS.md).
REMINDED_AFTER = 7 * 24 * 3600


class NoModel(Exception):
    """No trained model is loaded, so nothing can be answered."""


class Replies(OutputChannel):
    """Collects what Rasa says in one turn."""

    def __init__(self) -> None:
        self.messages: list[dict[str, Any]] = []

    @classmethod
    def name(cls) -> str:
        return "website"

    async def send_response(self, recipient_id: str, message: dict[str, Any]) -> None:
        self.messages.append(message)


class Conversations:
    """All conversations with the model that is loaded now."""

    def __init__(self, agent: Callable[[], Agent | None], content: Content, topics: Topics) -> None:
        self._agent_now = agent
        self._content = content
        self._topics = topics

    async def say(self, conversation: str, text: str) -> dict[str, Any]:
        """The answer to typed words. Raises `NoModel`, or whatever breaks inside Rasa."""
        parse_data = await self._parsed(text)
        in_danger = parse_data["intent"]["name"] == CRISIS
        kept = "" if in_danger else redact(text)
        answer = await self._turn(conversation, kept, parse_data)
        for reply in answer["replies"]:
            if "form" in reply:
                details = {} if in_danger else prefill_from(text)
                reply["form"]["prefill"] = {**reply["form"]["prefill"], **details}
        return answer

    async def choose(self, conversation: str, topic: str) -> dict[str, Any]:
        """The answer to a pressed button. Raises like `say`."""
        chosen = self._topics[topic]
        return await self._turn(conversation, chosen.label, parse_data_of_choice(chosen))

    async def add(self, conversation: str, reply: Reply) -> None:
        """Puts what was said outside a turn into a conversation's history, where there is one."""
        agent = self._agent()
        async with agent.lock_store.lock(conversation):
            tracker = await agent.tracker_store.retrieve(conversation)
            if tracker is not None:
                said = {"kind": reply.kind, **reply_json(reply)}
                tracker.update(create_bot_utterance(said))
                await agent.tracker_store.save(tracker)

    async def danger_in(self, text: str) -> dict[str, Any]:
        """Signs of danger in words that are no message: `tier` and `kinds`, or nothing.

        By the rules and the model; by the rules alone where no model answers.
        """
        try:
            return (await self._parsed(text)).get(DANGER) or {}
        except Exception as error:
            if not isinstance(error, NoModel):
                logger.error("the model failed to look for danger (%s)", type(error).__name__)
            danger = signs_of_danger(text)
            return asdict(danger) if danger else {}

    async def history(self, conversation: str) -> dict[str, Any]:
        """The messages of both sides, and the helplines that stay."""
        tracker = await self._agent().tracker_store.retrieve_full_tracker(conversation)
        messages = _messages(tracker) if tracker is not None else []
        if messages and time.time() - tracker.events[-1].timestamp > REMINDED_AFTER:
            reminder = reply_json(self._content.reply("utter_opening", choices=[]))
            messages.append({"from": "assistant", "kind": "smalltalk", **reminder})
        pinned = [
            line for message in messages if message.get("pinned") for line in message["helplines"]
        ]
        return {
            "messages": messages,
            "helplines": list({line["name"]: line for line in pinned}.values()),
        }

    def failed(self, text: str) -> dict[str, Any]:
        """What is said when the model cannot: help where the rules see danger, else an apology."""
        danger = signs_of_danger(text)
        if danger is not None and danger.tier == "full":
            reply = self._content.crisis_reply(Said(danger=danger.kinds))
            topic = CRISIS
        else:
            reply = self._content.reply("utter_apology", choices=["contact"])
            topic = FALLBACK
        return {
            "topic": topic,
            "kind": "crisis" if topic == CRISIS else "unknown",
            "confidence": 0.0,
            "replies": [reply_json(reply)],
        }

    def _agent(self) -> Agent:
        agent = self._agent_now()
        if agent is None or not agent.is_ready():
            raise NoModel
        return agent

    async def _parsed(self, text: str) -> dict[str, Any]:
        # Rasa reads a leading slash as a command: a visitor's is only a slash.
        words = text.lstrip("/ \t\r\n") or "?"
        return await self._agent().processor.parse_message(UserMessage(words))

    async def _turn(
        self, conversation: str, text: str, parse_data: dict[str, Any]
    ) -> dict[str, Any]:
        collected = Replies()
        message = UserMessage(
            text,
            collected,
            conversation,
            parse_data=_kept(parse_data, text),
            input_channel=Replies.name(),
        )
        await self._agent().handle_message(message)
        replies = [_reply_of(message) for message in collected.messages]
        if not replies:
            raise RuntimeError("the dialogue gave no answer")
        outcome = outcome_of(parse_data)
        return {
            "topic": self._topic(outcome.topic, collected.messages),
            "kind": collected.messages[0].get("kind", "smalltalk"),
            "confidence": round(outcome.confidence, 4),
            DANGER: (parse_data.get(DANGER) or {}),
            "replies": replies,
        }

    def _topic(self, topic: str, messages: list[dict[str, Any]]) -> str:
        """The topic of the contract: a follow-up has none of its own, its answer tells."""
        answered = str(messages[0].get("key", "")).removeprefix("utter_")
        if topic == FALLBACK or topic not in self._topics:
            unanswered = topic if topic == FALLBACK else "ask_capabilities"
            return answered if answered in self._topics else unanswered
        return topic


def reply_json(reply: Reply) -> dict[str, Any]:
    """A reply as CONTRACT.md has it."""
    return {
        "text": reply.text,
        "key": reply.key,
        "sources": list(reply.sources),
        "choices": [asdict(choice) for choice in reply.choices],
        "helplines": [asdict(line) for line in reply.helplines],
        "pinned": reply.kind == "crisis",
    }


def _reply_of(message: dict[str, Any]) -> dict[str, Any]:
    """A reply of Rasa's, made by `ClinicWords`, as CONTRACT.md has it."""
    reply = {
        "text": message.get("text") or "",
        "key": message.get("key"),
        "sources": message.get("sources") or [],
        "choices": [
            {"title": button["title"], "choice": button["choice"]}
            for button in message.get("buttons") or []
        ],
        "helplines": message.get("helplines") or [],
        "pinned": message.get("kind") == "crisis",
    }
    if message.get("form"):
        reply["form"] = message["form"]
    return reply


def _kept(parse_data: dict[str, Any], text: str) -> dict[str, Any]:
    """The understanding without the visitor's words and details."""
    return {
        **{key: parse_data[key] for key in ("intent", "response_selector") if key in parse_data},
        "text": text,
        "entities": [],
        "intent_ranking": (parse_data.get("intent_ranking") or [])[:KEPT_RANKING],
        "suggestions": parse_data.get("suggestions") or [],
        ALSO_ASKED: parse_data.get(ALSO_ASKED),
        IN_CONTEXT: parse_data.get(IN_CONTEXT) or {},
        DANGER: parse_data.get(DANGER) or {},
    }


def _messages(tracker: DialogueStateTracker) -> list[dict[str, Any]]:
    messages: list[dict[str, Any]] = []
    for event in tracker.events:
        if isinstance(event, UserUttered):
            messages.append({"from": "visitor", "text": event.text or ""})
        elif isinstance(event, BotUttered):
            said = event.message()
            messages.append({"from": "assistant", "kind": said.get("kind"), **_reply_of(said)})
    return messages


def pinned_lines() -> list[dict[str, str]]:
    """The lines for any danger, for answers that come without a conversation."""
    return [asdict(line) for line in lines_for(("any",))]
