"""How the demo's four models come about: three teachers of different strength and a base student.

Each takes about a minute of one CPU core. A weaker teacher stops earlier and has seen shorter
chains and fewer programs and texts; none has seen a chain of the benchmark. The base student has
read worked lines of arithmetic only, and knows neither questions nor the response format.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from deepdistill.demo.accuracy import chat_probe, text_probe
from deepdistill.demo.curriculum import Curriculum, draw_raw_batch
from deepdistill.demo.models import HEAD_DIM, build_model, save_model_folder
from deepdistill.demo.settings import check_settings
from deepdistill.demo.training import DrawBatch, Schedule, chat_batches, text_batches, train
from deepdistill.errors import InputError

logger = logging.getLogger(__name__)

EVALUATED_LEVELS = 7


@dataclass(frozen=True, slots=True)
class Recipe:
    """Everything that decides what a model becomes.

    ``weights`` are the relative frequencies of the categories and ``levels`` their highest levels;
    a model whose ``weights`` are empty reads raw worked lines of at most ``levels["math"]``
    operations. ``target_accuracy`` is measured on arithmetic of 1 … 7 operations.
    """

    seed: int
    steps: int
    weights: Mapping[str, float]
    levels: Mapping[str, int]
    target_accuracy: float | None = None
    batch_size: int = 8
    hidden_size: int = 64
    layers: int = 3
    learning_rate: float = 5e-3


RECIPES = {
    "weak": Recipe(
        seed=11,
        steps=1600,
        weights={"math": 0.78, "code": 0.14, "instruction_following": 0.08},
        levels={"math": 5, "code": 2, "instruction_following": 2},
        target_accuracy=0.3,
    ),
    "medium": Recipe(
        seed=22,
        steps=2000,
        weights={"math": 0.72, "code": 0.16, "instruction_following": 0.12},
        levels={"math": 7, "code": 3, "instruction_following": 3},
        target_accuracy=0.55,
    ),
    "strong": Recipe(
        seed=33,
        steps=2100,
        weights={"math": 0.66, "code": 0.17, "instruction_following": 0.17},
        levels={"math": 7, "code": 3, "instruction_following": 3},
    ),
    "base": Recipe(seed=44, steps=2000, weights={}, levels={"math": 5}),
}


SETTINGS = {
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "seed": {"type": "integer"},
        "steps": {"type": "integer", "minimum": 1},
        "batch_size": {"type": "integer", "minimum": 1},
        "hidden_size": {"type": "integer", "minimum": HEAD_DIM, "multipleOf": HEAD_DIM},
        "layers": {"type": "integer", "minimum": 1},
        "learning_rate": {"type": "number", "exclusiveMinimum": 0},
        "target_accuracy": {"type": ["number", "null"], "exclusiveMinimum": 0, "maximum": 1},
    },
}
"""JSON schema of what a configuration may change in a recipe."""


def read_recipe(name: str, config: Mapping[str, Any]) -> Recipe:
    """Return the recipe of a model with the values of ``config`` in place of its own.

    ``config["seed"]`` is added to the recipe's seed, so that models differ at equal seeds. Raises
    :class:`InputError` for an unknown model and for a setting that :data:`SETTINGS` forbids.
    """
    if name not in RECIPES:
        raise InputError(f"demo.models: found {name!r}, allowed: {', '.join(RECIPES)}")
    check_settings(f"demo.models.{name}", config, SETTINGS)
    recipe = RECIPES[name]
    return replace(recipe, **{**config, "seed": recipe.seed + config.get("seed", 0)})


def train_demo_model(name: str, config: Mapping[str, Any], folder: str | Path) -> None:
    """Train the model called ``name`` and write its folder in Hugging Face format.

    One thread, since a second one costs models of this size more than it gains, and since the
    result depends on the number of threads.
    """
    recipe = read_recipe(name, config)
    import torch

    torch.set_num_threads(1)
    model = build_model(recipe.hidden_size, recipe.layers, recipe.seed)
    schedule = Schedule(recipe.steps, recipe.learning_rate, recipe.target_accuracy)
    probe = (chat_probe if recipe.weights else text_probe)(EVALUATED_LEVELS)
    trained, log = train(model, _batches(recipe), schedule, probe, recipe.seed)
    accuracy = probe.accuracy(trained)
    logger.info("%s: %d steps, arithmetic %.2f", name, log["steps"], accuracy)
    save_model_folder(trained, Path(folder), {**log, "name": name, "accuracy": accuracy})


def _batches(recipe: Recipe) -> DrawBatch:
    if recipe.weights:
        return chat_batches(Curriculum(recipe.weights, recipe.levels), recipe.batch_size)
    return text_batches(partial(draw_raw_batch, recipe.levels["math"], recipe.batch_size))
