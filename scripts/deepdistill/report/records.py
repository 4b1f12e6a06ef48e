"""Reading the JSON records of checkpoints and evaluations."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from deepdistill.errors import InputError
from deepdistill.files import read_json


def read_record(path: str | Path, keys: Sequence[str]) -> dict[str, Any]:
    """Return the JSON object at ``path``.

    Raises :class:`InputError` if it cannot be read, is no object or lacks one of ``keys``.
    """
    try:
        record = read_json(path)
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}") from None
    except ValueError as error:
        raise InputError(f"{path}: not JSON: {error}") from None
    if not isinstance(record, dict):
        raise InputError(f"{path}: found {type(record).__name__}, allowed: a JSON object")
    missing = [key for key in keys if key not in record]
    if missing:
        raise InputError(f"{path}: key {missing[0]} is missing, found {', '.join(record)}")
    return record
