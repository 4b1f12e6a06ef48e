"""Which parts of a raw row are the question and the reference."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from deepdistill.verification.final_answer import final_answer

ROLES = {
    "system": "system",
    "user": "user",
    "human": "user",
    "assistant": "assistant",
    "gpt": "assistant",
    "model": "assistant",
}
"""Names of the speakers of a turn, and what they are called here."""

Message = dict[str, str]


def field_value(row: Mapping[str, Any], field: str) -> Any:
    """Return the value of a field, None if there is none; dots lead into objects and lists."""
    if field in row:
        return row[field]
    value: Any = row
    for name in field.split("."):
        if isinstance(value, Mapping):
            value = value.get(name)
        elif isinstance(value, Sequence) and not isinstance(value, str) and name.isdecimal():
            value = value[int(name)] if int(name) < len(value) else None
        else:
            return None
    return value


def read_messages(value: Any) -> list[Message]:
    """Return the dialogue that a question is: a text is the user's only turn.

    A list has turns with ``role`` and ``content``, or ``from`` and ``value``; what follows the
    user's last turn is an answer, and left out. Raises ValueError with a short reason.
    """
    if isinstance(value, str):
        return [{"role": "user", "content": value}]
    if value is None:
        raise ValueError("holds nothing")
    if not isinstance(value, Sequence):
        raise ValueError(f"holds a {type(value).__name__}, allowed: text or a list of turns")
    messages = [_turn(turn, number) for number, turn in enumerate(value, 1)]
    asked = [number for number, turn in enumerate(messages, 1) if turn["role"] == "user"]
    if not asked:
        raise ValueError("has no turn of the user")
    return messages[: asked[-1]]


def _turn(turn: Any, number: int) -> Message:
    if not isinstance(turn, Mapping):
        raise ValueError(f"turn {number}: found a {type(turn).__name__}, allowed: an object")
    role, text = turn.get("role", turn.get("from")), turn.get("content", turn.get("value"))
    if role not in ROLES:
        raise ValueError(f"turn {number}: found the role {role!r}, allowed: {', '.join(ROLES)}")
    if not isinstance(text, str):
        raise ValueError(f"turn {number}: found a {type(text).__name__}, allowed: text")
    return {"role": ROLES[role], "content": text}


def read_raw_reference(row: Mapping[str, Any], config: Mapping[str, Any]) -> Any:
    """Return what the verifier's reference is made of.

    ``config`` names the field (``reference``) and may name a form of :data:`FORMS`
    (``reference_form``) or a regular expression whose first group counts
    (``reference_pattern``). Raises ValueError with a short reason.
    """
    if form := config.get("reference_form"):
        return FORMS[form](row, config["reference"])
    value = field_value(row, config["reference"])
    pattern = config.get("reference_pattern")
    if pattern is None or not isinstance(value, str):
        return value
    match = re.search(pattern, value)
    if match is None:
        raise ValueError(f"field {config['reference']!r} does not match {pattern!r}")
    return match.group(1)


def _after_hashes(row: Mapping[str, Any], field: str) -> str:
    """What follows the last ``####``, as in GSM8K."""
    text = _text(row, field)
    if "####" not in text:
        raise ValueError(f"field {field!r} has no ####")
    return text.rpartition("####")[2].strip()


def _last_box(row: Mapping[str, Any], field: str) -> str:
    """The content of the last ``\\boxed{}``, as in MATH."""
    text = _text(row, field)
    found = final_answer(text) if "boxed" in text else None
    if found is None:
        raise ValueError(f"field {field!r} has no \\boxed{{}}")
    return found


def _humaneval(row: Mapping[str, Any], field: str) -> dict[str, Any]:
    """HumanEval's ``check(candidate)`` and the prompt's imports and helpers."""
    test, entry, prompt = (_text(row, name) for name in (field, "entry_point", "prompt"))
    setup = prompt[: prompt.rfind(f"def {entry}")]
    return {
        "language": "python",
        "kind": "assert",
        "setup": f"{setup}\n{test}",
        "tests": [f"check({entry})"],
    }


def _mbpp(row: Mapping[str, Any], field: str) -> dict[str, Any]:
    """MBPP's list of assert statements and their set-up."""
    tests = field_value(row, field)
    if not isinstance(tests, list):
        raise ValueError(f"field {field!r} holds a {type(tests).__name__}, allowed: a list")
    setup = field_value(row, "test_setup_code") or ""
    return {"language": "python", "kind": "assert", "setup": setup, "tests": tests}


def _stdin_stdout(row: Mapping[str, Any], field: str) -> dict[str, Any]:
    """Lists of inputs and outputs, as in APPS and TACO: an object or its JSON."""
    pairs = field_value(row, field)
    if isinstance(pairs, str):
        try:
            pairs = json.loads(pairs)
        except ValueError:
            raise ValueError(f"field {field!r} is not JSON") from None
    if not isinstance(pairs, Mapping) or not {"inputs", "outputs"} <= pairs.keys():
        raise ValueError(f"field {field!r}: found no inputs and outputs")
    if len(pairs["inputs"]) != len(pairs["outputs"]):
        raise ValueError(f"field {field!r}: as many inputs as outputs are needed")
    tests = [
        {"input": given, "output": expected}
        for given, expected in zip(pairs["inputs"], pairs["outputs"], strict=True)
    ]
    return {"language": "python", "kind": "stdin", "tests": tests}


def _ifeval(row: Mapping[str, Any], field: str) -> dict[str, Any]:
    """IFEval's ids (the field) and arguments (``kwargs``) side by side in the row."""
    return {"instruction_id_list": field_value(row, field), "kwargs": field_value(row, "kwargs")}


FORMS: dict[str, Callable[[Mapping[str, Any], str], Any]] = {
    "after_hashes": _after_hashes,
    "last_box": _last_box,
    "humaneval": _humaneval,
    "mbpp": _mbpp,
    "stdin_stdout": _stdin_stdout,
    "ifeval": _ifeval,
}
"""Forms in which data sets keep references, by name."""


def _text(row: Mapping[str, Any], field: str) -> str:
    value = field_value(row, field)
    if not isinstance(value, str):
        raise ValueError(f"field {field!r} holds a {type(value).__name__}, allowed: text")
    return value
