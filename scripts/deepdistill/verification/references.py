"""Reading the references of raw sources."""

from __future__ import annotations

from collections.abc import Callable

from deepdistill.verification.code_reference import read_code_reference
from deepdistill.verification.instruction_following import read_instructions
from deepdistill.verification.math import read_math_reference


def read_reference(category: str, value: object) -> str:
    """Return the canonical text of a raw reference.

    Raises ValueError with a short reason if the category's verifier could not read it; the forms
    are described in :mod:`~deepdistill.verification.math`,
    :mod:`~deepdistill.verification.code_reference` and
    :mod:`~deepdistill.verification.instruction_following`. Science and other take any text, also
    none.
    """
    return _READERS.get(category, _read_text)(value)


def _read_text(value: object) -> str:
    if value is None:
        return ""
    if not isinstance(value, str):
        raise ValueError(f"found {type(value).__name__}, allowed is text")
    return value.strip()


_READERS: dict[str, Callable[[object], str]] = {
    "math": read_math_reference,
    "code": read_code_reference,
    "instruction_following": read_instructions,
}
