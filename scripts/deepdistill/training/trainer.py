"""Supervised fine-tuning itself: TRL's SFT trainer on a tokenised data set, resumable."""

from __future__ import annotations

import logging
import math
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from transformers import AutoModelForCausalLM, PreTrainedTokenizerBase, TrainerCallback
from transformers.trainer import TRAINER_STATE_NAME
from transformers.trainer_callback import PrinterCallback
from transformers.trainer_utils import get_last_checkpoint
from trl import SFTConfig, SFTTrainer

from deepdistill.errors import InputError
from deepdistill.files import read_json
from deepdistill.training.recipe import SCHEDULES, Recipe
from deepdistill.training.samples import Samples

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Trained:
    """A trained model, the log of its optimizer steps and how many of them an earlier run made.

    Each entry of ``log`` has step, epoch, loss (mean over the step's completion tokens, in nats),
    learning_rate, grad_norm and tokens (seen since the start, prompts included, padding not).
    """

    model: Any
    log: list[dict[str, Any]]
    kept: int


def train(
    recipe: Recipe,
    seed: int,
    parent: Path,
    tokenizer: PreTrainedTokenizerBase,
    samples: Samples,
    state_dir: Path,
) -> Trained:
    """Train ``parent`` on ``samples`` and return the model.

    Trainer states are kept in ``state_dir``; if one is there, training goes on from it and gives
    the same model as a run without the interruption.

    Raises :class:`InputError` if the loss is not finite.
    """
    torch.manual_seed(seed)
    # AdamW's updates are below bfloat16's resolution, so the weights stay float32 while training.
    model = AutoModelForCausalLM.from_pretrained(parent, dtype=torch.float32)
    use_cache = model.config.use_cache
    trainer = SFTTrainer(
        model=model,
        args=_arguments(recipe, seed, state_dir),
        train_dataset=samples.dataset,
        processing_class=tokenizer,
        callbacks=[_Guard()],
    )
    trainer.remove_callback(PrinterCallback)
    last = _last_state(state_dir)
    kept = 0
    if last is not None:
        logger.info("resuming from %s", last.name)
        kept = read_json(last / TRAINER_STATE_NAME)["global_step"]
    trainer.train(resume_from_checkpoint=None if last is None else str(last))
    model = trainer.accelerator.unwrap_model(trainer.model)
    model.config.use_cache = use_cache  # the trainer turns it off, and generation would crawl
    log = _steps(trainer.state.log_history)
    return Trained(model.to(getattr(torch, recipe.dtype)), log, kept)


def _last_state(state_dir: Path) -> Path | None:
    """Return the last complete trainer state, removing those whose writing was interrupted."""
    for folder in state_dir.glob("checkpoint-*"):
        try:
            read_json(folder / TRAINER_STATE_NAME)  # the last file that the trainer writes
        except (OSError, ValueError):
            logger.info("removing %s, which is incomplete", folder.name)
            shutil.rmtree(folder)
    last = get_last_checkpoint(str(state_dir)) if state_dir.is_dir() else None
    return None if last is None else Path(last)


def _arguments(recipe: Recipe, seed: int, state_dir: Path) -> SFTConfig:
    accelerated = torch.cuda.is_available()
    return SFTConfig(
        output_dir=str(state_dir),
        seed=seed,
        learning_rate=recipe.learning_rate,
        lr_scheduler_type=SCHEDULES[recipe.schedule],
        warmup_steps=recipe.warmup_ratio,  # below 1 it is a share of all steps
        num_train_epochs=recipe.epochs,
        per_device_train_batch_size=recipe.per_device_batch_size,
        gradient_accumulation_steps=recipe.accumulation_steps,
        gradient_checkpointing=recipe.gradient_checkpointing,
        max_length=recipe.max_length,
        packing=recipe.packing,
        weight_decay=recipe.weight_decay,
        bf16=recipe.dtype == "bfloat16",
        use_cpu=not accelerated,
        dataloader_pin_memory=accelerated,
        logging_steps=1,
        logging_nan_inf_filter=False,  # else a NaN loss is logged as the running mean
        include_num_input_tokens_seen="non_padding",
        save_steps=recipe.save_steps,
        save_total_limit=1,
        report_to="none",
        disable_tqdm=not sys.stderr.isatty(),
    )


class _Guard(TrainerCallback):
    """Ends a run whose loss is no number any more, and notes progress in the log."""

    def on_log(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        loss = kwargs["logs"].get("loss")
        if loss is None:
            return
        if not math.isfinite(loss):
            raise InputError(
                f"training: the loss is {loss} at step {state.global_step} of {state.max_steps}; "
                f"a learning_rate below {args.learning_rate} may keep it finite"
            )
        if state.global_step % max(1, state.max_steps // 10) == 0:
            logger.info("step %d of %d: loss %.4f", state.global_step, state.max_steps, loss)


def _steps(history: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [
        {
            "step": entry["step"],
            "epoch": entry["epoch"],
            "loss": entry["loss"],
            "learning_rate": entry["learning_rate"],
            "grad_norm": entry["grad_norm"],
            "tokens": entry["num_input_tokens_seen"],
        }
        for entry in history
        if "loss" in entry
    ]
