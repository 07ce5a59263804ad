"""Scores a model on a file of questions: what visitors with these questions would have got."""

from bot.evaluation.run import evaluate_file

__all__ = ["evaluate_file"]
