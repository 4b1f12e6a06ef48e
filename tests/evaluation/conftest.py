from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture(scope="session")
def model(build_model: Callable[..., Path]) -> Path:
    """A random model of 48 positions that says ``<eos>`` now and then."""
    return build_model(positions=48)


@pytest.fixture
def write_questions(tmp_path: Path) -> Callable[..., Path]:
    def write(*rows: dict[str, Any] | str) -> Path:
        path = tmp_path / "questions.jsonl"
        lines = [row if isinstance(row, str) else json.dumps(row) for row in rows]
        path.write_text("".join(line + "\n" for line in lines), encoding="utf-8")
        return path

    return write


@pytest.fixture
def settings() -> dict[str, Any]:
    return {
        "k": 3,
        "temperature": 0.6,
        "top_p": 0.95,
        "max_new_tokens": 24,
        "batch_size": 4,
        "dtype": "float32",
    }
