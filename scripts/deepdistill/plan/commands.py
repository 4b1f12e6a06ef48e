"""A job's shell command, read as the call of a script that it is."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_DIRNAME = re.compile(r"\$\(dirname ([^)]+)\)")


@dataclass(frozen=True, slots=True)
class Command:
    """A script and the words that it is called with."""

    script: Path
    words: Sequence[str]

    def all(self, option: str) -> list[str]:
        """Return the values of an option, as many as there are."""
        values: list[str] = []
        inside = False
        for word in self.words:
            if word.startswith("--"):
                name, equals, value = word.partition("=")
                inside = name == f"--{option}"
                values += [value] if inside and equals else []
            elif inside:
                values.append(word)
        return values

    def one(self, option: str) -> str:
        """Return the value of an option that has one."""
        (value,) = self.all(option)
        return value

    def json(self, option: str) -> Any:
        """Return the value of an option that is JSON."""
        return json.loads(self.one(option))


def read_command(text: str) -> Command | None:
    """Return the script's call of a rule's shell command, None if it is something else."""
    text = text.replace("\\\n", " ")
    text = _DIRNAME.sub(lambda match: str(Path(shlex.split(match[1])[0]).parent), text)
    try:
        words = shlex.split(text)
    except ValueError:
        return None
    if len(words) < 2 or words[0] != "python":
        return None
    ends = [place for place, word in enumerate(words) if word.startswith(">")]
    return Command(Path(words[1]), words[2 : min(ends, default=len(words))])
