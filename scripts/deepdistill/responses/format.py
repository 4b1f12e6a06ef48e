"""The shape of a response: ``<think>…</think><answer>…</answer>``."""

from __future__ import annotations

THINK, END_THINK = "<think>", "</think>"
ANSWER, END_ANSWER = "<answer>", "</answer>"


def split_response(text: str, finished: bool) -> tuple[str | None, str | None, str | None]:
    """Split a response's text into its thinking and its answer.

    The thinking ends at the *last* ``</think>``, since a model may talk about the tag; an opening
    ``<think>`` may be absent because some chat templates put it into the prompt. Answer tags are
    optional, as in the published data.

    Returns ``(thinking, answer, problem)``. ``problem`` is None for a response that can be
    verified, otherwise ``"truncated"`` (cut by the token limit before the answer was complete) or
    ``"unparsable"`` (it stopped by itself without an answer part); then ``answer`` is None.
    """
    if not finished:
        return _thinking(text), None, "truncated"
    head, tag, tail = text.rpartition(END_THINK)
    if not tag:
        return _thinking(text), None, "unparsable"
    answer = _answer(tail)
    return _thinking(head), answer or None, None if answer else "unparsable"


def join_response(thinking: str | None, answer: str) -> str:
    """Return the training text of a response, the inverse of :func:`split_response`."""
    if thinking is None:
        return answer
    return f"{THINK}{thinking}{END_THINK}{ANSWER}{answer}{END_ANSWER}"


def _thinking(text: str) -> str:
    return text.strip().removeprefix(THINK)


def _answer(text: str) -> str:
    _, tag, inner = text.partition(ANSWER)
    return (inner.partition(END_ANSWER)[0] if tag else text).strip()
