"""Fixtures that several stages share."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

from deepdistill.config import load_schema
from deepdistill.models import work_offline
from deepdistill.slices import FITNESS
from running import clone, run

work_offline()

# That a machine is busy is no failure.
settings.register_profile("patient", deadline=None)
settings.load_profile("patient")

ROOT = Path(__file__).resolve().parent.parent

CHAT_TEMPLATE = (
    "{% for m in messages %}{% if m['role'] == 'system' %}{{ '<system>' + m['content'] }}"
    "{% elif m['role'] == 'user' %}{{ '<user>' + m['content'] }}"
    "{% else %}{{ '<assistant>' + m['content'] + eos_token }}{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<assistant>' }}{% endif %}"
)
PIECES = ["<pad>", "<eos>", "<unk>", "<system>", "<user>", "<assistant>"]
PIECES += ["<think>", "</think>", "<answer>", "</answer>", "\\boxed{"]


@pytest.fixture(scope="session")
def root() -> Path:
    """The repository's root."""
    return ROOT


@pytest.fixture(scope="session")
def cleaning() -> dict[str, Any]:
    """What makes a single question unfit, if the configuration says nothing of it."""
    queries = load_schema()["properties"]["queries"]["properties"]
    return {name: queries[name]["default"] for name in FITNESS}


@pytest.fixture(scope="session")
def bare_clone(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clone in which nothing has run."""
    return clone(root, tmp_path_factory.mktemp("clone"))


@pytest.fixture(scope="session")
def done(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clone in which the tiny configuration has run once."""
    folder = clone(root, tmp_path_factory.mktemp("done"))
    run(folder)
    return folder


@pytest.fixture(scope="session")
def tokenizer():
    """A tokenizer of single characters and the response format's tags."""
    from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    vocabulary = {piece: i for i, piece in enumerate([*PIECES, *"0123456789+-=?}. abcdefghij"])}
    backend = Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))
    pattern = "|".join(map(re.escape, PIECES)) + r"|[\s\S]"
    backend.pre_tokenizer = pre_tokenizers.Split(Regex(pattern), behavior="isolated")
    backend.decoder = decoders.Fuse()
    return PreTrainedTokenizerFast(
        tokenizer_object=backend,
        pad_token="<pad>",
        eos_token="<eos>",
        unk_token="<unk>",
        chat_template=CHAT_TEMPLATE,
    )


@pytest.fixture(scope="session")
def build_model(tokenizer, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Return a function that makes the folder of a small random model."""

    def build(positions: int, **config: object) -> Path:
        import torch
        from transformers import Qwen3Config, Qwen3ForCausalLM

        torch.manual_seed(0)
        settings = {
            "hidden_size": 16,
            "intermediate_size": 32,
            "num_hidden_layers": 2,
            "num_attention_heads": 2,
            "num_key_value_heads": 2,
            "head_dim": 8,
            "pad_token_id": 0,
            "eos_token_id": 1,
            "bos_token_id": None,
        }
        model = Qwen3ForCausalLM(
            Qwen3Config(
                vocab_size=len(tokenizer), max_position_embeddings=positions, **settings | config
            )
        )
        folder = tmp_path_factory.mktemp("model")
        model.save_pretrained(folder)
        tokenizer.save_pretrained(folder)
        return folder

    return build


@pytest.fixture
def engines_end(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """End the engines of a test, whose processes live as long as this one otherwise."""
    from deepdistill.responses.backends import vllm_engine

    opened: list[Any] = []
    start = vllm_engine.open_engine

    def remember(*arguments: Any) -> Any:
        opened.append(start(*arguments))
        return opened[-1]

    monkeypatch.setattr(vllm_engine, "open_engine", remember)
    yield
    for engine in opened:
        engine.engine_core.shutdown()
