"""Custom actions, run inside the bot's process: the hand-off, suggestions, and follow-ups."""
