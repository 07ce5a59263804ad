"""Shows scores to people: as text, as plots, and as a page that staff can read."""

from collections import Counter
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import matplotlib as mpl
import numpy as np
from jinja2 import Environment, FileSystemLoader
from matplotlib import pyplot

from bot.evaluation.scores import Result, by_style, by_topic, mistakes, scores
from bot.outcome import ANSWER_AT
from bot.topics import Topics

ROWS = (
    ("right topic at once", "top1"),
    ("right, and answered", "answered_right"),
    ("right among answer or suggestions", "answered_or_suggested"),
    ("answered wrongly", "answered_wrong"),
    ("asked back", "asked_back"),
    ("not understood", "not_understood"),
    ("out of scope: no answer", "out_of_scope_refused"),
    ("two questions: both answered", "both_answered"),
    ("one question: a second one invented", "second_invented"),
)


def text_report(results: Sequence[Result], *, most_mistakes: int = 40) -> str:
    overall = scores(results)
    lines = [f"{overall.questions} questions, {overall.in_scope} of them in scope"]
    lines += [f"  {name:36}{_percent(getattr(overall, field)):>8}" for name, field in ROWS]
    for title, groups in (("style", by_style(results)), ("topic", by_topic(results))):
        lines += ["", f"{title:34}{'questions':>10}{'right':>8}{'answered':>10}{'wrong':>8}"]
        for name, group in sorted(groups.items(), key=lambda item: item[1].top1 or 0):
            if group.in_scope:
                lines.append(
                    f"{name:34}{group.in_scope:>10}{_percent(group.top1):>8}"
                    f"{_percent(group.answered_right):>10}{_percent(group.answered_wrong):>8}"
                )
    lines += ["", "what needs a look (topic -> guess, confidence, what was done):"]
    for result in mistakes(results)[:most_mistakes]:
        lines.append(
            f"  {result.question.topic} -> {result.guess} {result.outcome.confidence:.2f}"
            f" {result.outcome.kind}: {result.question.text[:110]}"
        )
    return "\n".join(lines)


def write_plots(results: Sequence[Result], out: Path) -> None:
    """Writes calibration.png and confusion.png."""
    mpl.use("Agg")
    _plot_calibration(results, out / "calibration.png")
    _plot_confusion(results, out / "confusion.png")


def write_html(results: Sequence[Result], topics: Topics, out: Path) -> None:
    """Writes report.html, beside the plots that it shows."""
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent), autoescape=True, trim_blocks=True
    )
    environment.filters["percent"] = _percent
    page = environment.get_template("report.html.jinja").render(
        overall=scores(results),
        rows=ROWS,
        groups={"Topic": by_topic(results), "Style": by_style(results)},
        mistakes=mistakes(results),
        topics=topics,
    )
    (out / "report.html").write_text(page, encoding="utf-8")


def _plot_calibration(results: Sequence[Result], path: Path) -> None:
    """Of the messages with a confidence, how many were understood rightly?"""
    confidence = np.array([result.outcome.confidence for result in results])
    right = np.array([result.in_scope and result.right_guess for result in results])
    edges = np.linspace(0, 1, 11)
    figure, (above, below) = pyplot.subplots(
        2, 1, figsize=(6, 6), sharex=True, gridspec_kw={"height_ratios": [3, 1]}
    )
    for low, high in pairwise(edges):
        chosen = (confidence >= low) & ((confidence < high) | (high == 1))
        if chosen.any():
            above.bar((low + high) / 2, right[chosen].mean(), width=0.09, color="#1f6f6b")
            below.bar((low + high) / 2, chosen.sum(), width=0.09, color="#8fb8b5")
    above.axvline(ANSWER_AT, color="#333333", linestyle=":", label="answered from here")
    above.set_ylabel("share understood rightly")
    above.legend()
    below.set_ylabel("messages")
    below.set_xlabel("confidence")
    figure.tight_layout()
    figure.savefig(path, dpi=110)
    pyplot.close(figure)


def _plot_confusion(results: Sequence[Result], path: Path) -> None:
    """The topics that are taken for another, and for which."""
    pairs = Counter(
        (result.question.topic, result.guess) for result in results if not result.right_guess
    )
    worst = pairs.most_common(25)
    figure, axes = pyplot.subplots(figsize=(8, 0.5 + 0.3 * max(1, len(worst))))
    names = [f"{topic}  taken for  {guess}" for (topic, guess), _ in worst]
    axes.barh(range(len(worst)), [times for _, times in worst], color="#a6532b")
    axes.set_yticks(range(len(worst)), names, fontsize=8)
    axes.invert_yaxis()
    axes.set_xlabel("questions")
    figure.tight_layout()
    figure.savefig(path, dpi=110)
    pyplot.close(figure)


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{100 * share:.1f}%"
