"""The channel between the website and the bot: the routes of CONTRACT.md.

It never lets a visitor name a conversation, run a command, or be met with silence.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
import traceback
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

from prometheus_client import CONTENT_TYPE_LATEST, Counter, Histogram, generate_latest
from rasa.core.channels.channel import InputChannel, UserMessage
from sanic import Blueprint, Sanic
from sanic.exceptions import PayloadTooLarge, SanicException
from sanic.request import Request
from sanic.response import HTTPResponse, empty, html, json, raw

from bot.contact import ACTION, FIELDS, FREE_TEXT, ContactErrors, checked
from bot.content import Content, Reply, Said
from bot.dialogue.tracker_store import ConversationStore
from bot.figures import measured
from bot.helplines import shipped_helplines
from bot.outcome import DANGER, MODELS
from bot.privacy import redact
from bot.settings import Settings, current
from bot.store import Feedback, Store, StoreError
from bot.topics import CRISIS, FALLBACK, Topics, shipped_topics
from bot.website import pages
from bot.website.conversations import Conversations, NoModel, pinned_lines, reply_json
from bot.website.limiter import Limiter
from bot.website.tokens import ForeignToken, Tokens

logger = logging.getLogger(__name__)

LONGEST_TEXT = 2_000  # characters
LARGEST_BODY = 16 * 1024  # bytes
LONGEST_REASON = 500  # characters
STATIC = Path(__file__).with_name("static")

MESSAGES = Counter("rapport_messages_total", "Messages answered, by kind of answer.", ["kind"])
SECONDS = Histogram("rapport_message_seconds", "Seconds that an answer took.")
CONTACTS = Counter("rapport_contact_requests_total", "Contact requests kept.")

_CODES = {400: "malformed", 401: "foreign_session", 404: "not_found", 405: "not_allowed"}
_SECURITY = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self';"
        " connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
}


class Refused(Exception):
    """A request that is not carried out; the sentence is for the person who sent it."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(code)
        self.status, self.code, self.message = status, code, message


class Website(InputChannel):
    """Serves visitors' browsers."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._topics: Topics = shipped_topics()
        self._content = Content(settings.clinic_name, topics=self._topics)
        self._tokens = Tokens(settings.secret)
        self._limiter = Limiter(settings.rate_limit)
        self._store = Store(settings.database_url)
        self._conversation_store = ConversationStore()
        self._app: Sanic | None = None
        self._conversations = Conversations(self._agent, self._content, self._topics)

    @classmethod
    def name(cls) -> str:
        return "website"

    @classmethod
    def from_credentials(cls, credentials: dict[str, Any] | None) -> Website:
        return cls(current())

    def url_prefix(self) -> str:
        return "/"

    def blueprint(self, on_new_message: Callable[[UserMessage], Awaitable[Any]]) -> Blueprint:
        site = Blueprint("website")
        for method, path, handler in (
            ("POST", "/api/chat", self.chat),
            ("POST", ACTION, self.contact),
            ("POST", "/api/feedback", self.feedback),
            ("POST", "/api/pressed", self.pressed),
            ("GET", "/api/session", self.session),
            ("DELETE", "/api/session", self.erase),
            ("GET", "/api/opening", self.opening),
            ("GET", "/faq", self.faq_page),
            ("GET", "/contact", self.contact_page),
            ("GET", "/privacy", self.privacy_page),
            ("GET", "/health/live", self.live),
            ("GET", "/health/ready", self.ready),
            ("GET", "/metrics", self.metrics),
        ):
            site.add_route(_function(handler), path, methods=[method], name=handler.__name__)
        site.static("/static", str(STATIC), name="static")
        site.static("/widget.js", str(STATIC / "widget.js"), name="widget")
        site.exception(Exception)(_function(self.failure))
        site.listener("before_server_start")(_function(self.prepare))
        site.listener("after_server_start")(_function(self.start))
        site.listener("before_server_stop")(_function(self.stop))
        return site

    # What the website asks for

    async def chat(self, request: Request) -> HTTPResponse:
        fields = _json(request)
        token, conversation = self._conversation(fields)
        text, choice = _text(fields), fields.get("choice")
        if not self._limiter.allows_message(_address(request)):
            raise _too_many()
        started = time.perf_counter()
        status = 200
        try:
            if text is not None:
                answer = await self._conversations.say(conversation, text)
            elif isinstance(choice, str) and choice in self._topics and choice not in _NO_CHOICES:
                answer = await self._conversations.choose(conversation, choice)
            else:
                raise Refused(400, "unknown_choice", "This is no choice that I offered.")
        except NoModel:
            answer, status = self._conversations.failed(text or ""), 503
        except Refused:
            raise
        except Exception as error:
            failure = secrets.token_hex(4)
            logger.error("no answer, %s: %s", failure, _where(error))
            answer = self._conversations.failed(text or "")
        self._count_danger(answer.pop(DANGER, {}))
        MESSAGES.labels(answer["kind"]).inc()
        SECONDS.observe(time.perf_counter() - started)
        if status == 503:
            return _error(503, "no_model", answer["replies"][0]["text"], session=token, **answer,
                          helplines=pinned_lines())  # fmt: skip
        return json({"session": token, **answer})

    async def contact(self, request: Request) -> HTTPResponse:
        is_form = request.content_type.startswith("application/x-www-form-urlencoded")
        fields = _form(request) if is_form else _json(request)
        if not self._limiter.allows_contact(_address(request)):
            raise _too_many()
        token, conversation = self._conversation(fields)
        sends_anyway = fields.get("send_anyway") in (True, "true", "on", "1", "yes")
        danger = await self._danger_in_form(fields)
        held = None
        if danger and not sends_anyway:
            held = self._content.reply("utter_crisis_held", Said(danger=("any",)))
            await self._remember(conversation, held)
        try:
            request_of_visitor = checked(
                fields, conversation=conversation, urgent=danger and sends_anyway
            )
        except ContactErrors as wrong:
            # Whoever is in danger sees help even where the form is not complete.
            helplines = pinned_lines() if danger else []
            if is_form:
                return self._contact_page(fields, wrong.errors, danger=danger, status=422)
            return json(
                {"session": token, "errors": wrong.errors, "helplines": helplines}, status=422
            )
        if held is not None:
            if is_form:
                return self._contact_page(fields, {}, held=held.text)
            return json({"session": token, "held": True, "replies": [reply_json(held)]})
        kept = self._store.add_contact_request(request_of_visitor, _now())
        CONTACTS.inc()
        reply = self._content.reply("utter_contact_thanks", choices=[], reference=kept.reference)
        await self._remember(conversation, reply)
        if is_form:
            return html(
                pages.contact(self._settings.clinic_name, FIELDS, {}, {}, reference=kept.reference),
                status=201,
            )
        answer = {"session": token, "reference": kept.reference, "replies": [reply_json(reply)]}
        return json(answer, status=201)

    async def feedback(self, request: Request) -> HTTPResponse:
        fields = _json(request)
        _, conversation = self._conversation(fields, must_exist=True)
        key, helpful, reason = fields.get("key"), fields.get("helpful"), fields.get("reason")
        if not isinstance(key, str) or not self._content.has(key) or not isinstance(helpful, bool):
            raise Refused(
                400, "malformed", "Feedback needs the key of an answer, and true or false."
            )
        if reason is not None and (not isinstance(reason, str) or len(reason) > LONGEST_REASON):
            raise Refused(
                400, "malformed", f"A reason is a text of at most {LONGEST_REASON} characters."
            )
        if not self._limiter.allows_message(_address(request)):
            raise _too_many()
        kept_reason = redact(reason) if reason else None
        self._store.add_feedback(Feedback(conversation, key, helpful, kept_reason), _now())
        return empty()

    async def pressed(self, request: Request) -> HTTPResponse:
        """A visitor pressed a helpline: one more for the day, and nothing about the visitor."""
        line = _json(request).get("line")
        if not isinstance(line, str) or line not in shipped_helplines().checked:
            raise Refused(400, "unknown_line", "This is no line that I offered.")
        if not self._limiter.allows_message(_address(request)):
            raise _too_many()
        self._store.count_press(_now().date(), line)
        return empty()

    async def session(self, request: Request) -> HTTPResponse:
        token, conversation = self._conversation(
            {"session": request.args.get("session")}, must_exist=True
        )
        return json({"session": token, **await self._conversations.history(conversation)})

    async def erase(self, request: Request) -> HTTPResponse:
        _, conversation = self._conversation(_json(request), must_exist=True)
        self._conversation_store.erase(conversation)
        self._store.forget_conversation(conversation)
        return empty()

    async def opening(self, request: Request) -> HTTPResponse:
        return json(
            {
                "clinic": self._settings.clinic_name,
                "opening": self._content.text("utter_opening"),
                "choices": [asdict(choice) for choice in self._content.opening],
                "helplines": pinned_lines(),
            }
        )

    # Pages

    async def home_page(self, request: Request) -> HTTPResponse | None:
        """Answers `/`, which Rasa has taken for a greeting of its own, before Rasa does."""
        if request.path != "/" or request.method not in ("GET", "HEAD"):
            return None
        return html(pages.home(self._settings.clinic_name), headers=_SECURITY)

    async def faq_page(self, request: Request) -> HTTPResponse:
        return html(pages.faq(self._settings.clinic_name, self._themes()))

    async def contact_page(self, request: Request) -> HTTPResponse:
        return self._contact_page({}, {})

    async def privacy_page(self, request: Request) -> HTTPResponse:
        facts = {"keep_conversations_days": self._settings.keep_conversations_days, **measured()}
        return html(pages.privacy(self._settings.clinic_name, facts))

    # What operators ask for

    async def live(self, request: Request) -> HTTPResponse:
        return json({"status": "live"})

    async def ready(self, request: Request) -> HTTPResponse:
        agent = self._agent()
        if agent is None or not agent.is_ready():
            return _error(503, "no_model", "No trained model is loaded; run `make train`.")
        return json({"status": "ready"})

    async def metrics(self, request: Request) -> HTTPResponse:
        return raw(generate_latest(), content_type=CONTENT_TYPE_LATEST)

    # Around the routes

    async def prepare(self, app: Sanic, _loop: asyncio.AbstractEventLoop) -> None:
        self._app = app
        app.config.REQUEST_MAX_SIZE = LARGEST_BODY
        app.config.PROXIES_COUNT = self._settings.trusted_proxies
        app.register_middleware(self.home_page, "request")
        app.register_middleware(_secure, "response")

    async def start(self, app: Sanic, _loop: asyncio.AbstractEventLoop) -> None:
        # The first message would wait seconds for what is read when it is first needed.
        await self._conversations.danger_in("hello")
        self._erasing = asyncio.create_task(self._erase_old_conversations())

    async def stop(self, _app: Sanic, _loop: asyncio.AbstractEventLoop) -> None:
        self._erasing.cancel()

    async def failure(self, request: Request, error: Exception) -> HTTPResponse:
        """Every failure is told in words; what broke is logged by its type alone."""
        if isinstance(error, Refused):
            return _error(error.status, error.code, error.message)
        if isinstance(error, ForeignToken):
            return _error(401, "foreign_session", "This conversation is not known here.")
        if isinstance(error, PayloadTooLarge):
            return _error(413, "too_large", "That is more than I can read at once.")
        if isinstance(error, SanicException) and error.status_code < 500:
            status = error.status_code
            return _error(status, _CODES.get(status, "refused"), "This address cannot do that.")
        name = secrets.token_hex(4)
        logger.error("failed, %s: %s", name, _where(error))
        status = 503 if isinstance(error, StoreError | NoModel) else 500
        message = self._content.text("utter_apology")
        return _error(status, "failed", message, helplines=pinned_lines(), id=name)

    async def _erase_old_conversations(self) -> None:
        while True:
            oldest = _now() - timedelta(days=self._settings.keep_conversations_days)
            try:
                await asyncio.to_thread(self._conversation_store.erase_older_than, oldest)
                await asyncio.to_thread(self._store.forget_feedback_before, oldest)
            except Exception as error:
                logger.error("old conversations are not erased yet (%s)", type(error).__name__)
            await asyncio.sleep(3600)

    def _agent(self) -> Any:
        return getattr(self._app.ctx, "agent", None) if self._app else None

    def _conversation(self, fields: dict[str, Any], *, must_exist: bool = False) -> tuple[str, str]:
        """The token and the id of the conversation; a new one where there is none yet."""
        token = fields.get("session")
        if not token and not must_exist:
            token = self._tokens.new()
        return str(token), self._tokens.conversation(token)

    async def _remember(self, conversation: str, reply: Reply) -> None:
        """For a reload; whatever fails here, the visitor gets the reply."""
        try:
            await self._conversations.add(conversation, reply)
        except Exception as error:
            logger.error("a reply is missing in a conversation (%s)", type(error).__name__)

    async def _danger_in_form(self, fields: dict[str, Any]) -> bool:
        for name in FREE_TEXT:
            text = fields.get(name)
            if isinstance(text, str) and text.strip():
                danger = await self._conversations.danger_in(text)
                if danger.get("tier") == "full":
                    self._count_danger(danger)
                    return True
        return False

    def _count_danger(self, danger: dict[str, Any]) -> None:
        if not danger:
            return
        layer = "model" if MODELS.issuperset(danger["rules"]) else "rules"
        try:
            self._store.count_danger(
                _now().date(), tier=danger["tier"], kind=danger["kinds"][0], layer=layer
            )
        except StoreError as error:
            logger.error("a count of danger is lost: %s", error)

    def _contact_page(
        self,
        fields: dict[str, Any],
        errors: dict[str, str],
        *,
        held: str | None = None,
        danger: bool = False,
        status: int = 200,
    ) -> HTTPResponse:
        values = {name: str(fields.get(name) or "") for name in (*FREE_TEXT, "consent")}
        helplines = pinned_lines() if held or danger else ()
        page = pages.contact(
            self._settings.clinic_name, FIELDS, values, errors, held=held, helplines=helplines
        )
        return html(page, status=status)

    def _themes(self) -> list[pages.Theme]:
        titles = {"faq": "About relational therapy", "practical": "About the practice"}
        return [
            pages.Theme(
                title,
                [
                    pages.Question(
                        id=topic.id,
                        title=topic.label,
                        text=self._content.text(f"utter_{topic.id}"),
                        sources=self._content.sources(f"utter_{topic.id}"),
                    )
                    for topic in self._topics.of_group(group)
                ],
            )
            for group, title in titles.items()
        ]


# Nobody presses a button to say these.
_NO_CHOICES = frozenset({CRISIS, FALLBACK, "affirm", "deny"})


def _function(method: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
    """Sanic writes on its handlers, which a bound method does not allow."""

    async def handle(*arguments: Any) -> Any:
        return await method(*arguments)

    return handle


def _json(request: Request) -> dict[str, Any]:
    try:
        fields = request.json
    except SanicException:
        fields = None
    if not isinstance(fields, dict):
        raise Refused(400, "malformed", "Send a JSON object.")
    return fields


def _form(request: Request) -> dict[str, Any]:
    return {name: values[0] for name, values in (request.form or {}).items()}


def _text(fields: dict[str, Any]) -> str | None:
    """The typed words; None where a choice was pressed instead."""
    if "text" not in fields:
        if "choice" in fields:
            return None
        raise Refused(400, "malformed", "Send a text or a choice.")
    text = fields["text"]
    if not isinstance(text, str) or not (text := _whole(text)):
        raise Refused(400, "empty", "Please type a message first.")
    if len(text) > LONGEST_TEXT:
        raise Refused(
            413,
            "too_long",
            f"Please keep a message under {LONGEST_TEXT:,} characters; yours has {len(text):,}.",
        )
    return text


def _whole(text: str) -> str:
    """A text that every part can write down: JSON can carry NULs, and half of a character."""
    return text.encode(errors="replace").decode().replace("\0", "").strip()


def _address(request: Request) -> str:
    return request.remote_addr or request.ip


def _now() -> datetime:
    return datetime.now(timezone.utc)


def _too_many() -> Refused:
    return Refused(
        429,
        "too_many",
        "That was a lot at once. Please wait a minute and try again. In an emergency call 911;"
        " in a crisis call or text 9-8-8.",
    )


def _error(status: int, code: str, message: str, **more: Any) -> HTTPResponse:
    return json({"error": {"code": code, "message": message}, **more}, status=status)


def _where(error: Exception) -> str:
    """What broke and where, without the exception's own words, which may quote a visitor."""
    frames = traceback.extract_tb(error.__traceback__)
    return " < ".join(
        [type(error).__name__, *(f"{Path(f.filename).name}:{f.lineno}" for f in reversed(frames))]
    )


async def _secure(request: Request, response: HTTPResponse) -> None:
    for name, value in _SECURITY.items():
        response.headers.setdefault(name, value)
