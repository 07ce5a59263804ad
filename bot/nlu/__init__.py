"""Understands a message: graph components for Rasa, and the plain modules behind them."""
