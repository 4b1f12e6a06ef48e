"""Dialogues: lists of messages with ``role`` and ``content``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence


def last_user_text(messages: Sequence[Mapping[str, str]]) -> str:
    """Return the text of the last turn of the user."""
    return next(m["content"] for m in reversed(messages) if m["role"] == "user")
