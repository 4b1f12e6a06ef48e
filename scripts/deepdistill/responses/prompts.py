"""Prompts: a teacher's system prompt and its template for each category."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml

from deepdistill.errors import InputError
from deepdistill.schemas import CATEGORIES

FIELD = "{question}"


@dataclass(frozen=True)
class Prompt:
    """A system prompt (or None) and a template with ``{question}`` for each category."""

    system: str | None
    templates: Mapping[str, str]

    def render(self, category: str, messages: Sequence[Mapping[str, str]]) -> list[dict[str, str]]:
        """Return the messages to send: the last user turn put into the category's template."""
        rendered = [dict(m) for m in messages]
        template = self.templates[category]
        # Not str.format: questions and templates may hold braces of their own.
        rendered[-1]["content"] = template.replace(FIELD, rendered[-1]["content"])
        if self.system is not None:
            rendered.insert(0, {"role": "system", "content": self.system})
        return rendered


def read_prompt(path: str | Path) -> Prompt:
    """Read a prompt file: YAML with ``system`` and ``templates`` (one for each category).

    Raises :class:`InputError` naming the file and the key that is missing or has no
    ``{question}``.
    """
    try:
        data = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}") from None
    except yaml.YAMLError as error:
        raise InputError(f"{path}: not YAML: {' '.join(str(error).split())}") from None
    if not isinstance(data, dict) or not isinstance(data.get("templates"), dict):
        raise InputError(f"{path}: templates: missing; needed is a template for each category")
    for category in CATEGORIES:
        template = data["templates"].get(category)
        if not isinstance(template, str) or FIELD not in template:
            raise InputError(
                f"{path}: templates.{category}: found {template!r}, "
                f"allowed: a text that holds {FIELD}"
            )
    system = data.get("system")
    if system is not None and not isinstance(system, str):
        raise InputError(f"{path}: system: found {system!r}, allowed: a text or null")
    return Prompt(system, data["templates"])
