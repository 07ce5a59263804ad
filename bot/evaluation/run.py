"""Puts every question to the trained model, and writes down what came of it."""

import asyncio
import json
import sys
from collections.abc import Sequence
from datetime import datetime, timezone
from pathlib import Path

from rasa.core.agent import Agent
from tqdm import tqdm

from bot import figures
from bot.evaluation.report import text_report, write_html, write_plots
from bot.evaluation.scores import (
    Question,
    QuestionsError,
    Result,
    as_json,
    read_questions,
    scores,
)
from bot.outcome import LIKELIEST, outcome_of
from bot.rasa_log import keep_words_out_of_the_log
from bot.settings import ROOT
from bot.topics import FALLBACK, shipped_topics

HELD_OUT = ROOT / "tests" / "held_out" / "questions.tsv"


def evaluate_file(model: Path, file: Path | None, out: Path, *, publish: bool = False) -> int:
    """Prints the scores on a file of questions, and writes the report; 2 for a bad file."""
    topics = shipped_topics()
    try:
        questions = read_questions(file or HELD_OUT, topics)
    except (OSError, QuestionsError) as error:
        print(error, file=sys.stderr)
        return 2
    keep_words_out_of_the_log()
    results = asyncio.run(results_of(Agent.load(str(model)), questions))
    out.mkdir(parents=True, exist_ok=True)
    (out / "scores.json").write_text(json.dumps(as_json(results), indent=1), encoding="utf-8")
    write_plots(results, out)
    write_html(results, topics, out)
    if publish:
        found = scores(results)
        figures.publish(
            {
                "Questions understood at once": found.top1,
                "Questions answered rightly without asking back": found.answered_right,
                "Questions answered wrongly": found.answered_wrong,
                "Other subjects met with an honest “I don’t know”": found.out_of_scope_refused,
            },
            datetime.now(tz=timezone.utc).date(),
        )
    print(text_report(results))
    print(f"The whole report: {out / 'report.html'}")
    return 0


async def results_of(agent: Agent, questions: Sequence[Question]) -> list[Result]:
    results = []
    for question in tqdm(questions, desc="asking", unit=" questions", disable=None):
        parse_data = await agent.parse_message(question.text.lstrip("/ "))
        outcome = outcome_of(parse_data)
        guess = outcome.topic
        if guess == FALLBACK:
            guess = parse_data.get(LIKELIEST) or FALLBACK
        results.append(Result(question, guess, outcome))
    return results
