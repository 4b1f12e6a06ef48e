"""The model card of a checkpoint: enough to know what made it."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

from deepdistill.training.recipe import Recipe

_CARD = """---
library_name: transformers
pipeline_tag: text-generation
tags: [sft, trl, deepdistill]
---

# {name}

Supervised fine-tuning on difficulty-graded responses (DeepDistill, arXiv 2504.17565); loss on the
last assistant turn.

| | |
|---|---|
| parent | `{parent}` |
| data set, SHA-256 | `{dataset}` |
| seed | {seed} |
| code digest | `{code}` |

## Recipe

| key | value |
|---|---|
{recipe}
"""


def model_card(
    name: str, recipe: Recipe, seed: int, parent: Path, dataset_sha256: str, code_digest: str
) -> str:
    """Return the README.md of a checkpoint's model folder."""
    rows = "\n".join(f"| {key} | {value} |" for key, value in asdict(recipe).items())
    return _CARD.format(
        name=name,
        parent=parent,
        dataset=dataset_sha256,
        seed=seed,
        code=code_digest,
        recipe=rows,
    )
