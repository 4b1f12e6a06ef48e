"""Training a demo model from scratch."""

from __future__ import annotations

import logging
import math
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tqdm import tqdm

from deepdistill.demo.accuracy import Probe
from deepdistill.demo.models import build_optimizers
from deepdistill.demo.tokenizer import BOS, PAD, build_tokenizer
from deepdistill.errors import InputError

if TYPE_CHECKING:
    import torch
    from torch.optim.swa_utils import AveragedModel
    from transformers import PreTrainedModel, PreTrainedTokenizerFast

    from deepdistill.demo.curriculum import Curriculum

logger = logging.getLogger(__name__)

IGNORED = -100  # the label that transformers leaves out of the loss
WARM_UP_STEPS = 40
PROBE_EVERY = 50  # steps
AVERAGE_DECAY = 0.99  # of the weights' moving average, per step
LOG_EVERY = 100  # steps

# A batch as (prompt ids, target ids) pairs, drawn for a progress of 0 … 1.
Pairs = list[tuple[list[int], list[int]]]
DrawBatch = Callable[[float, random.Random], Pairs]


@dataclass(frozen=True, slots=True)
class Schedule:
    """How long and how fast to train.

    Without ``target_accuracy`` the rate falls to 0 by a cosine over the second half of the steps.
    With it, the rate stays constant and the model is the moving average of its weights, which is as
    steady at any step as a decayed run is at its end; training stops when the average reaches the
    target. How fast a seed learns differs by half, so a number of steps alone makes no teacher of a
    wanted strength.
    """

    steps: int
    learning_rate: float
    target_accuracy: float | None = None

    def rate(self, step: int) -> float:
        """Return the learning rate of a step, counted from 0."""
        rate = self.learning_rate * min(1.0, (step + 1) / WARM_UP_STEPS)
        half = self.steps / 2
        if self.target_accuracy is None and step > half:
            rate *= 0.5 + 0.5 * math.cos(math.pi * (step - half) / half)
        return rate


def chat_batches(curriculum: Curriculum, size: int) -> DrawBatch:
    """Return the batches of a teacher: rendered prompts as given, responses as targets."""
    tokenizer = build_tokenizer()

    def draw(progress: float, rng: random.Random) -> Pairs:
        examples = curriculum.draw_batch(progress, size, rng)
        prompts = [[{"role": "user", "content": e.question}] for e in examples]
        rendered = tokenizer.apply_chat_template(
            prompts, tokenize=False, add_generation_prompt=True
        )
        targets = [e.response + tokenizer.eos_token for e in examples]
        return list(zip(_encode(tokenizer, rendered), _encode(tokenizer, targets), strict=True))

    return draw


def text_batches(draw_lines: Callable[[random.Random], list[str]]) -> DrawBatch:
    """Return the batches of a base model: whole lines of raw text are targets."""
    tokenizer = build_tokenizer()

    def draw(progress: float, rng: random.Random) -> Pairs:
        lines = [line + tokenizer.eos_token for line in draw_lines(rng)]
        return [([BOS], ids) for ids in _encode(tokenizer, lines)]

    return draw


def _encode(tokenizer: PreTrainedTokenizerFast, texts: list[str]) -> list[list[int]]:
    return tokenizer(texts, add_special_tokens=False)["input_ids"]


def train(
    model: PreTrainedModel,
    draw_batch: DrawBatch,
    schedule: Schedule,
    probe: Probe,
    seed: int,
) -> tuple[PreTrainedModel, dict[str, Any]]:
    """Train ``model`` and return the trained one with the training log.

    The log holds ``steps`` (taken), ``losses`` (mean over each ``LOG_EVERY`` steps) and
    ``accuracies`` (``{"step", "accuracy"}`` of each probe). The result depends on the seed and the
    number of threads only. Raises :class:`InputError` when the loss is no longer a number.
    """
    rng = random.Random(seed)
    optimizers = build_optimizers(model, schedule.learning_rate)
    target = schedule.target_accuracy
    average = None if target is None else _moving_average(model)
    losses: list[float] = []
    accuracies: list[dict[str, float]] = []
    bar = tqdm(range(schedule.steps), desc="training", unit="step", disable=None)
    for step in bar:
        for group in (group for optimizer in optimizers for group in optimizer.param_groups):
            group["lr"] = schedule.rate(step)
        losses.append(_update(model, optimizers, draw_batch(step / schedule.steps, rng)))
        if not math.isfinite(losses[-1]):
            raise InputError(
                f"step {step + 1}: loss is {losses[-1]}; learning_rate {schedule.learning_rate} "
                "is too high"
            )
        if (step + 1) % LOG_EVERY == 0:
            logger.info("step %d: loss %.4f", step + 1, _mean(losses[-LOG_EVERY:]))
        if target is None or average is None:
            continue
        average.update_parameters(model)
        if (step + 1) % PROBE_EVERY == 0:
            accuracy = probe.accuracy(average.module)
            accuracies.append({"step": step + 1, "accuracy": accuracy})
            bar.set_postfix(accuracy=f"{accuracy:.2f}")
            if accuracy >= target:
                logger.info("step %d: accuracy %.2f reaches the target", step + 1, accuracy)
                break
    bar.close()
    means = [_mean(losses[i : i + LOG_EVERY]) for i in range(0, len(losses), LOG_EVERY)]
    log = {"steps": len(losses), "losses": means, "accuracies": accuracies}
    return (model if average is None else average.module), log


def _moving_average(model: PreTrainedModel) -> AveragedModel:
    from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

    return AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(AVERAGE_DECAY))


def _update(
    model: PreTrainedModel, optimizers: Sequence[torch.optim.Optimizer], pairs: Pairs
) -> float:
    """Take one step on a batch and return the loss before it."""
    import torch

    inputs, labels = _collate(pairs)
    model.train()
    loss = model(input_ids=inputs, labels=labels).loss
    loss.backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    for optimizer in optimizers:
        optimizer.step()
    model.zero_grad(set_to_none=True)
    return loss.item()


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


def _collate(pairs: Pairs) -> tuple[torch.Tensor, torch.Tensor]:
    """Pad on the right, where causal attention needs no mask."""
    import torch

    width = max(len(prompt) + len(target) for prompt, target in pairs)
    inputs = torch.full((len(pairs), width), PAD)
    labels = torch.full((len(pairs), width), IGNORED)
    for row, (prompt, target) in enumerate(pairs):
        end = len(prompt) + len(target)
        inputs[row, :end] = torch.tensor(prompt + target)
        labels[row, len(prompt) : end] = torch.tensor(target)
    return inputs, labels
