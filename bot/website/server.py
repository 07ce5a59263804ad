"""Starts Rasa's server with our channel, words, conversations and actions."""

import logging
import os
import sys
from pathlib import Path

import rasa.core.run
from rasa.core.utils import AvailableEndpoints
from rasa.utils.endpoints import EndpointConfig

from bot.dialogue.in_process_actions import InProcessActions
from bot.rasa_log import keep_words_out_of_the_log
from bot.settings import ROOT, Settings

logger = logging.getLogger(__name__)


def serve_chat(settings: Settings, model: Path | None) -> None:
    """Serves until it is told to stop; with no model it still answers danger and forms."""
    os.chdir(ROOT)
    keep_words_out_of_the_log()
    if model is None:
        logger.warning("no model fits today's files; run `make train`, then start again")
    endpoints = AvailableEndpoints(
        nlg=EndpointConfig(type="bot.dialogue.nlg.ClinicWords"),
        tracker_store=EndpointConfig(type="bot.dialogue.tracker_store.ConversationStore"),
        action=InProcessActions(),
    )
    rasa.core.run.serve_application(
        model_path=str(model) if model else None,
        credentials=str(ROOT / "credentials.yml"),
        interface=settings.chat_host,
        port=settings.chat_port,
        cors=list(settings.allowed_origins),
        enable_api=False,
        endpoints=endpoints,
    )
    sys.exit(0)
