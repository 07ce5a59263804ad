"""Rasa's doors to the conversation: words, examples, conversations kept, actions in the process."""
