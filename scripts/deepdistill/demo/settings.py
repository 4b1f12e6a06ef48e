"""Checking the demo's own slices of the configuration."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import best_match

from deepdistill.errors import InputError


def check_settings(where: str, settings: Mapping[str, Any], schema: Mapping[str, Any]) -> None:
    """Raise :class:`InputError` with one line that names the first wrong key below ``where``.

    ``schema`` is the JSON schema of ``settings``.
    """
    error = best_match(Draft202012Validator(schema).iter_errors(dict(settings)))
    if error is None:
        return
    key = ".".join([where, *map(str, error.absolute_path)])
    rules = error.schema
    if error.validator == "additionalProperties":
        unknown = sorted(set(error.instance) - set(rules["properties"]))
        raise InputError(
            f"{key}: found key {unknown[0]!r}, allowed: {', '.join(sorted(rules['properties']))}"
        )
    allowed = ", ".join(f"{name} {value}" for name, value in rules.items())
    raise InputError(f"{key}: found {error.instance!r}, allowed: {allowed}")
