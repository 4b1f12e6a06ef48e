"""The verifier of instruction following: share of the verifiable instructions that are followed.

A reference is an object ``{"instruction_id_list": […], "kwargs": […]}`` as in IFEval (Zhou et al.
2023, arXiv 2311.07911). The loose form follows IFEval too: an instruction is followed if it is by
the response or by one of its variants without the first line, without the last, without both, and
each of these without asterisks, so that an introduction or emphasis does not count against it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from itertools import product
from types import TracebackType
from typing import Any, Self

from deepdistill.files import canonical_json
from deepdistill.verification.check import Check, Pending, Task
from deepdistill.verification.ifeval.registry import INSTRUCTIONS, argument_problem

VERIFIER = "instruction_following"
MODES = ("strict", "loose")


def read_instructions(value: object) -> str:
    """Return the canonical JSON of a raw reference, an object or its JSON text.

    Arguments without a value are left out. An id that is not IFEval's is let through: the check
    then says ``unverifiable``. Raises ValueError with a short reason for anything else that
    cannot be read.
    """
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except ValueError:
            raise ValueError("the constraints are not JSON") from None
    if not isinstance(value, Mapping):
        raise ValueError(f"found {type(value).__name__}, allowed is an object with constraints")
    ids, all_arguments = value.get("instruction_id_list"), value.get("kwargs")
    if not isinstance(ids, list) or not ids or not all(isinstance(i, str) for i in ids):
        raise ValueError("instruction_id_list: allowed is a list of at least one id")
    if not isinstance(all_arguments, list) or len(all_arguments) != len(ids):
        raise ValueError(f"kwargs: allowed is a list of {len(ids)} objects, one per instruction")
    kept = [_given(arguments) for arguments in all_arguments]
    for instruction, arguments in zip(ids, kept, strict=True):
        problem = argument_problem(instruction, arguments) if instruction in INSTRUCTIONS else None
        if problem:
            raise ValueError(f"{instruction}: {problem}")
    return canonical_json({"instruction_id_list": ids, "kwargs": kept})


class InstructionChecker:
    """Checks instructions; a context manager like the other checkers.

    ``settings``: ``mode``, ``strict`` or ``loose``.
    """

    def __init__(self, settings: Mapping[str, Any], workers: int) -> None:
        self._loose = settings["mode"] == "loose"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        return None

    def submit(self, task: Task) -> Pending:
        """Return the check of one response; it is quick, so it is done when it is asked for."""
        return lambda: check_instructions(task, self._loose)


def check_instructions(task: Task, loose: bool) -> Check:
    """Check one response against each of its instructions."""
    reference = json.loads(task.reference)
    ids, all_arguments = reference["instruction_id_list"], reference["kwargs"]
    unknown = [instruction for instruction in ids if instruction not in INSTRUCTIONS]
    if unknown:
        return Check.failed("unverifiable", VERIFIER, f"unknown instruction {unknown[0]}")
    responses = list(_variants(task.answer)) if loose else [task.answer]
    broken = [
        instruction
        for instruction, arguments in zip(ids, all_arguments, strict=True)
        if not any(r.strip() and INSTRUCTIONS[instruction](r, **arguments) for r in responses)
    ]
    followed = len(ids) - len(broken)
    detail = f"{followed}/{len(ids)} instructions"
    if broken:
        detail += f"; not followed: {', '.join(broken)}"
    return Check.scored(followed / len(ids), VERIFIER, detail)


def _given(arguments: object) -> dict[str, Any]:
    if not isinstance(arguments, Mapping):
        raise ValueError(f"kwargs: found {arguments!r}, allowed is an object")
    return {name: value for name, value in arguments.items() if value is not None}


def _variants(answer: str) -> Iterator[str]:
    lines = answer.split("\n")
    for first, last in product((0, 1), (0, 1)):
        text = "\n".join(lines[first : len(lines) - last]).strip() if first or last else answer
        yield text
        yield text.replace("*", "")
