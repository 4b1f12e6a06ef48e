"""The model card of a checkpoint: enough to know what made it."""

from __future__ import annotations

from dataclasses import asdict

from deepdistill.models import Identity
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
| parent, SHA-256 | `{parent_digest}` |
| data set, SHA-256 | `{dataset}` |
| seed | {seed} |
| code digest | `{code}` |

## Recipe

| key | value |
|---|---|
{recipe}
"""


def model_card(
    name: str, recipe: Recipe, seed: int, parent: Identity, dataset_sha256: str, code_digest: str
) -> str:
    """Return the README.md of a checkpoint's model folder."""
    rows = "\n".join(f"| {key} | {value} |" for key, value in asdict(recipe).items())
    return _CARD.format(
        name=name,
        parent=parent.origin,
        parent_digest=parent.digest,
        dataset=dataset_sha256,
        seed=seed,
        code=code_digest,
        recipe=rows,
    )
