"""A configuration that has nothing but what it needs, and others that differ from it."""

from __future__ import annotations

import copy
from typing import Any

MINIMAL: dict[str, Any] = {
    "sources": {"questions": {"path": "questions.jsonl", "category": "math"}},
    "teachers": {"r1": {"backend": "published", "data": "r1.jsonl", "passes": 4}},
    "selection": {"stage1": {"rule": "deepdistill_stage1", "teacher": "r1"}},
    "training": {
        "students": {"base": {"model": "models/base"}},
        "recipes": {"first": {"parent": "base", "dataset": "stage1"}},
    },
    "evaluation": {"models": ["first"], "benchmarks": {"aime": {"task": "t", "data": "d"}}},
}

HUB = {"model": "org/name", "revision": "v1"}


def put(path: str, value: Any) -> dict[str, Any]:
    """Return it with one value put at a dotted path."""
    config = copy.deepcopy(MINIMAL)
    *parents, name = path.split(".")
    section = config
    for parent in parents:
        section = section.setdefault(parent, {})
    section[name] = value
    return config


def asked(**settings: Any) -> dict[str, Any]:
    """Return a teacher that is asked by the workflow."""
    return {"backend": "transformers", "model": "models/r2", "passes": 4, **settings}
