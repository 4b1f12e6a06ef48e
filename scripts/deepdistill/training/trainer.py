"""Supervised fine-tuning itself: TRL's SFT trainer on a tokenised data set, resumable."""

from __future__ import annotations

import logging
import math
import shutil
import sys
from dataclasses import dataclass
from importlib.util import find_spec
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
from deepdistill.termination import Signals, raised_signals
from deepdistill.training.layout import Layout
from deepdistill.training.recipe import SCHEDULES, Recipe
from deepdistill.training.samples import Samples

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Trained:
    """A trained model, the log of its optimizer steps and how many of them an earlier run made.

    ``weights`` are those of ``model`` where the processes shared them out, else None.

    Each entry of ``log`` has step, epoch, loss (mean over the step's completion tokens, in nats),
    learning_rate, grad_norm and tokens (seen since the start, prompts included, padding not).
    """

    model: Any
    weights: dict[str, torch.Tensor] | None
    log: list[dict[str, Any]]
    kept: int


def train(
    recipe: Recipe,
    arguments: SFTConfig,
    parent: Path,
    tokenizer: PreTrainedTokenizerBase,
    samples: Samples,
) -> Trained:
    """Train ``parent`` on ``samples`` and return the model.

    ``arguments`` are those of :func:`training_arguments`. Trainer states are kept in its
    ``output_dir``; if one is there, training goes on from it and gives the same model as a run
    without the interruption. On SIGTERM and SIGUSR1 the state after the step at hand is kept, and
    then SystemExit raised, in all processes that train together.

    Raises :class:`InputError` if the loss is not finite.
    """
    torch.manual_seed(arguments.seed)
    # AdamW's updates are below bfloat16's resolution, so the weights stay float32 while training.
    model = AutoModelForCausalLM.from_pretrained(parent, dtype=torch.float32)
    use_cache = model.config.use_cache
    with raised_signals() as signals, signals.held_back():
        guard = _Guard(signals)
        trainer = SFTTrainer(
            model=model,
            args=arguments,
            train_dataset=samples.dataset,
            processing_class=tokenizer,
            callbacks=[guard],
        )
        trainer.remove_callback(PrinterCallback)
        with arguments.main_process_first(local=False):
            last = _last_state(Path(arguments.output_dir))
        kept = 0
        if last is not None:
            logger.info("resuming from %s", last.name)
            kept = read_json(last / TRAINER_STATE_NAME)["global_step"]
        trainer.train(resume_from_checkpoint=None if last is None else str(last))
        if guard.told:  # here, or in another of the processes
            sys.exit(128 + guard.told)
    dtype = getattr(torch, recipe.dtype)
    weights = None
    if arguments.deepspeed and arguments.deepspeed["zero_optimization"]["stage"] == 3:
        whole = trainer.accelerator.get_state_dict(trainer.model_wrapped) or {}  # on the first only
        weights = {name: tensor.to(dtype) for name, tensor in whole.items()}
    model = trainer.accelerator.unwrap_model(trainer.model)
    model.config.use_cache = use_cache  # the trainer turns it off, and generation would crawl
    log = _steps(trainer.state.log_history)
    return Trained(model.to(dtype), weights, log, kept)


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


def training_arguments(recipe: Recipe, layout: Layout, seed: int, state_dir: Path) -> SFTConfig:
    """Return the trainer's arguments; from here on this process knows of the others.

    Raises :class:`InputError` if the layout does not fit the recipe, or needs what is not there.
    """
    accelerated = torch.cuda.is_available()
    if layout.gpus > 1 and not accelerated:
        raise InputError(f"recipe: gpus is {layout.gpus}, but PyTorch sees none")
    if layout.zero and find_spec("deepspeed") is None:
        raise InputError(f"recipe: zero is {layout.zero}, but DeepSpeed is not installed")
    return SFTConfig(
        output_dir=str(state_dir),
        seed=seed,
        learning_rate=recipe.learning_rate,
        lr_scheduler_type=SCHEDULES[recipe.schedule],
        warmup_steps=recipe.warmup_ratio,  # below 1 it is a share of all steps
        num_train_epochs=recipe.epochs,
        per_device_train_batch_size=recipe.per_device_batch_size,
        gradient_accumulation_steps=layout.accumulation_steps(recipe),
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
        deepspeed=layout.deepspeed(),
        report_to="none",
        disable_tqdm=not sys.stderr.isatty(),
    )


class _Guard(TrainerCallback):
    """Ends a run whose loss is no number any more or that is told to; notes progress in the log.

    ``told`` is the signal that this or another of the processes got, 0 if none did.
    """

    def __init__(self, signals: Signals) -> None:
        self._signals = signals
        self.told = 0

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        told = self._signals.came or 0
        if torch.distributed.is_initialized():  # all of them have to stop at the same step
            largest = torch.tensor(told, device=args.device)
            torch.distributed.all_reduce(largest, torch.distributed.ReduceOp.MAX)
            told = int(largest)
        if told and state.global_step < state.max_steps:
            logger.info("told to end: keeping the state after step %d", state.global_step)
            self.told = told
            control.should_save = True
            control.should_training_stop = True

    def on_log(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        loss = kwargs["logs"].get("loss")
        if loss is None:
            return
        if not math.isfinite(loss):
            raise InputError(
                f"training: the loss is {loss} at step {state.global_step} of {state.max_steps}; "
                f"a learning_rate below {args.learning_rate} may keep it finite"
            )
        if state.is_world_process_zero and state.global_step % max(1, state.max_steps // 10) == 0:
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
