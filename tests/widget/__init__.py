"""The chat window and the pages in a real Chromium, against the real server."""
