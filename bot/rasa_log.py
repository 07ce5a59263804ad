"""Keeps visitors' words out of the log, wherever this project runs Rasa."""

import logging

from rasa.utils.common import configure_logging_and_warnings
from rasa.utils.log_utils import configure_structlog


def keep_words_out_of_the_log() -> None:
    """Rasa writes what visitors say to its debug log; ours has none, whatever LOG_LEVEL says."""
    configure_logging_and_warnings(logging.INFO)
    configure_structlog(logging.INFO)
