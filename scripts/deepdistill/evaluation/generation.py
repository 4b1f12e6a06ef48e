"""A sampled response as it travels through lm-eval."""

from __future__ import annotations


class Generation(str):
    """A response's text that also knows how it ended.

    lm-eval passes responses on as plain text and forgets whether the model stopped by itself, yet
    a truncated response must not be counted as a wrong one unseen. Being text, it fits wherever
    lm-eval expects text; text from any other of its models counts as finished.

    tokens: generated tokens, the end-of-sequence token included; None if unknown
    finished: whether the model stopped by itself
    """

    tokens: int | None
    finished: bool

    def __new__(cls, text: str, tokens: int | None = None, finished: bool = True) -> Generation:
        """Make a response from its text."""
        generation = super().__new__(cls, text)
        generation.tokens = tokens
        generation.finished = finished
        return generation
