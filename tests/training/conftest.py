from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from deepdistill.models import work_offline

work_offline()

CHAT_TEMPLATE = (
    "{% for m in messages %}{% if m['role'] == 'assistant' %}{{ '<assistant>' + m['content'] + "
    "eos_token }}{% else %}{{ '<user>' + m['content'] }}{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<assistant>' }}{% endif %}"
)
PIECES = ["<pad>", "<eos>", "<unk>", "<user>", "<assistant>", "<think>", "</think>"]

Dialogue = list[tuple[str, str]]


@pytest.fixture(scope="session")
def tokenizer():
    from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    vocabulary = {piece: i for i, piece in enumerate([*PIECES, *"0123456789+-=?. abcdefghij"])}
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
def parent(tokenizer, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random model whose weights are large enough for a leak between samples to show."""
    import torch
    from transformers import Qwen3Config, Qwen3ForCausalLM

    torch.manual_seed(0)
    config = Qwen3Config(
        vocab_size=len(tokenizer),
        hidden_size=16,
        intermediate_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=2,
        head_dim=8,
        max_position_embeddings=128,
        initializer_range=0.3,
        pad_token_id=0,
        eos_token_id=1,
        bos_token_id=None,
    )
    folder = tmp_path_factory.mktemp("parent")
    Qwen3ForCausalLM(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture
def write_dataset(tmp_path: Path) -> Callable[[list[Dialogue]], Path]:
    def write(dialogues: list[Dialogue]) -> Path:
        kind = pa.list_(pa.struct([("role", pa.string()), ("content", pa.string())]))
        messages = [[{"role": r, "content": c} for r, c in d] for d in dialogues]
        table = pa.table(
            {
                "query_id": [str(i) for i in range(len(messages))],
                "messages": pa.array(messages, kind),
            }
        )
        path = tmp_path / "dataset.parquet"
        pq.write_table(table, path)
        return path

    return write


@pytest.fixture
def sums() -> list[Dialogue]:
    return [
        [("user", f"{a}+{b}=?"), ("assistant", f"<think>{'a' * (a + 1)}</think>{a + b}")]
        for a in range(4)
        for b in range(4)
    ]


@pytest.fixture
def recipe() -> dict[str, object]:
    return {
        "learning_rate": 1e-2,
        "schedule": "cosine",
        "warmup_ratio": 0.1,
        "epochs": 2,
        "global_batch_size": 4,
        "per_device_batch_size": 2,
        "max_length": 64,
        "packing": False,
        "weight_decay": 0.0,
        "save_steps": 3,
        "dtype": "float32",
    }
