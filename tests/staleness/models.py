"""Models that answer nonsense: what the staleness tests' configuration asks for, in a second."""

from __future__ import annotations

from pathlib import Path

from deepdistill.demo.models import build_model, save_model_folder
from deepdistill.demo.tokenizer import EOS, PAD, build_tokenizer

HUB = ".cache/huggingface/hub/models--tiny--learner"
REVISIONS = {"v1": 1, "v2": 2, "v1.1": 1}
"""Revisions of tiny/learner and the seeds of their weights; v1.1 has other notes only."""


def build_models(folder: Path) -> None:
    """Make the model folders of ``folder/models``, and a hub's cache that holds the learner."""
    for seed, name in enumerate(("base", "judge"), start=10):
        save_model_folder(build_model(32, 1, seed), folder / "models" / name, {})
    _save_reward_model(folder / "models" / "reward")
    for number, (revision, seed) in enumerate(REVISIONS.items(), start=1):
        commit = f"{number:040}"
        snapshot = folder / HUB / "snapshots" / commit
        save_model_folder(build_model(32, 1, seed), snapshot, {})
        (snapshot / "README.md").write_text(f"Notes of {revision}.")
        reference = folder / HUB / "refs" / revision
        reference.parent.mkdir(exist_ok=True)
        reference.write_text(commit)


def _save_reward_model(folder: Path) -> None:
    """Three attributes, and more than a megabyte of weights."""
    import torch
    from transformers import Qwen3Config, Qwen3ForSequenceClassification

    labels = dict(enumerate(("coherence", "correctness", "helpfulness")))
    tokenizer = build_tokenizer()
    torch.manual_seed(3)
    config = Qwen3Config(
        vocab_size=len(tokenizer),
        hidden_size=128,
        intermediate_size=512,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=4,
        head_dim=32,
        id2label=labels,
        label2id={name: i for i, name in labels.items()},
        pad_token_id=PAD,
        eos_token_id=EOS,
    )
    Qwen3ForSequenceClassification(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
