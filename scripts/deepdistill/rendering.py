"""Messages as a model reads them: its chat template's text, in its tokens."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple


class Rendered(NamedTuple):
    """A dialogue as text and as tokens."""

    text: str
    tokens: list[int]


def render(tokenizer: Any, messages: Sequence[Mapping[str, str]], reply: bool) -> Rendered:
    """Return a dialogue as a model's chat template has it; with ``reply``, up to the reply's begin.

    Raises :class:`ValueError` with a line for the user if the template refuses it, as some do with
    a system turn or with two turns of the same role in a row.
    """
    from jinja2 import TemplateError

    try:
        text = tokenizer.apply_chat_template(
            [dict(message) for message in messages], add_generation_prompt=reply, tokenize=False
        )
    except TemplateError as error:
        raise ValueError(f"chat template: {' '.join(str(error).split())}") from None
    # The chat template has put the special tokens into the text already.
    return Rendered(text, tokenizer.encode(text, add_special_tokens=False))
