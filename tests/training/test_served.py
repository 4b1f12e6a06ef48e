"""A checkpoint in the engine that it is served with: loaded as it is, it says the same."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from deepdistill.files import write_json
from deepdistill.models import model_identity
from deepdistill.responses.backends import vllm_engine
from deepdistill.responses.backends.backend import Backend, Request
from deepdistill.training.layout import Layout
from deepdistill.training.run import train_checkpoint

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(importlib.util.find_spec("vllm") is None, reason="vLLM is not installed"),
]

LORA = {"rank": 4, "alpha": 8, "dropout": 0.0}
CONFIG = {
    "backend": "vllm",
    "dtype": "float32",
    "temperature": 0,
    "top_p": 1.0,
    "max_tokens": 20,
    "batch_size": 16,
    "attempts": 1,
    "engine": {"enforce_eager": True, "gpu_memory_utilization": 0.1},
}
QUESTIONS = [f"{a}+{b}=?" for a in range(4) for b in range(4)]


def said(backend: Backend) -> dict[str, str]:
    """Return what a model answers to each question, greedily."""
    turns = [[{"role": "user", "content": question}] for question in QUESTIONS]
    asked = [Request(t[0]["content"], 1, t, "key", seed=None) for t in turns]
    made = [completion for group in backend.complete(asked) for completion in group]
    return {completion.request.query_id: completion.text for completion in made}


@pytest.mark.usefixtures("engines_end")
def test_a_merged_checkpoint_says_in_vllm_what_it_says_in_transformers(
    build_model: Callable[..., Path],
    write_dataset: Callable[..., Path],
    sums: list[list[tuple[str, str]]],
    recipe: dict[str, Any],
    tmp_path: Path,
) -> None:
    from deepdistill.responses.backends.local_transformers import TransformersBackend

    parent = build_model(
        positions=128, hidden_size=64, intermediate_size=128, head_dim=32, initializer_range=0.2
    )
    write_json(tmp_path / "parent.json", model_identity(str(parent)))
    train_checkpoint(
        {**recipe, "lora": LORA, "packing": True, "epochs": 8},
        *(1, tmp_path / "parent.json", write_dataset(sums), tmp_path / "run" / "checkpoint.json"),
        *(tmp_path / "work", "code", tmp_path / "metrics.json", Layout()),
    )
    model = str(tmp_path / "run" / "model")
    expected = said(TransformersBackend(model, CONFIG))
    assert len(set(expected.values())) > 1
    assert expected != said(TransformersBackend(str(parent), CONFIG))
    assert said(vllm_engine.VllmBackend(model, CONFIG)) == expected
