"""Prompt files: a system prompt, and a template for each category."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from deepdistill.errors import InputError
from deepdistill.schemas import CATEGORIES


@dataclass(frozen=True)
class Prompt:
    """A system prompt (or None) and templates by category, with fields such as ``{question}``."""

    system: str | None
    templates: Mapping[str, str]

    def render(self, category: str, messages: Sequence[Mapping[str, str]]) -> list[dict[str, str]]:
        """Return the messages to send: the last user turn put into the category's template."""
        *earlier, last = [dict(m) for m in messages]
        last["content"] = self._filled(category, question=last["content"])
        return [*self._system(), *earlier, last]

    def ask(self, category: str, **fields: str) -> list[dict[str, str]]:
        """Return the messages of a single question: the category's template with its fields."""
        return [*self._system(), {"role": "user", "content": self._filled(category, **fields)}]

    def _system(self) -> list[dict[str, str]]:
        return [] if self.system is None else [{"role": "system", "content": self.system}]

    def _filled(self, category: str, **fields: str) -> str:
        # Not str.format: questions and templates may hold braces of their own.
        names = "|".join(fields)
        return re.sub(f"{{({names})}}", lambda m: fields[m[1]], self.templates[category])


def read_prompt(
    path: str | Path,
    fields: Sequence[str] = ("question",),
    categories: Collection[str] = CATEGORIES,
    optional: bool = False,
) -> Prompt:
    """Read a prompt file: YAML with ``system`` and ``templates``, by category.

    Each template holds every one of ``fields`` in braces. There is one for each of ``categories``,
    or, if they are ``optional``, for one of them at least. Raises :class:`InputError` naming the
    file and the key.
    """
    data = _read(path)
    templates = data.get("templates")
    if not isinstance(templates, dict) or not templates:
        raise InputError(f"{path}: templates: missing; needed is a template for each category")
    for category in templates if optional else categories:
        _check_template(f"{path}: templates.{category}", templates.get(category), fields)
        if category not in categories:
            allowed = ", ".join(categories)
            raise InputError(f"{path}: templates: found {category!r}, allowed: {allowed}")
    system = data.get("system")
    if system is not None and not isinstance(system, str):
        raise InputError(f"{path}: system: found {system!r}, allowed: a text or null")
    return Prompt(system, templates)


def _read(path: str | Path) -> dict[str, Any]:
    try:
        data = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}") from None
    except yaml.YAMLError as error:
        raise InputError(f"{path}: not YAML: {' '.join(str(error).split())}") from None
    return data if isinstance(data, dict) else {}


def _check_template(key: str, template: object, fields: Sequence[str]) -> None:
    for field in fields:
        if not isinstance(template, str) or f"{{{field}}}" not in template:
            raise InputError(f"{key}: found {template!r}, allowed: a text that holds {{{field}}}")
