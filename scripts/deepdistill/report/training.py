"""What the trainings did: their records and their logs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from deepdistill.errors import InputError
from deepdistill.report.names import Names
from deepdistill.report.numbers import NONE, count
from deepdistill.report.records import read_record
from deepdistill.report.table import Table

_KEYS = ("samples", "dropped", "tokens", "steps", "recipe", "train_loss")
_COLUMNS = ["step", "epoch", "loss", "learning_rate"]


@dataclass(frozen=True)
class Training:
    """A recipe's record (the checkpoint's manifest) and its log, a row per optimizer step.

    The log has ``step``, ``epoch``, ``loss`` (nats per token that is learned) and
    ``learning_rate``.
    """

    name: str
    record: dict[str, Any]
    log: pd.DataFrame


def read_training(path: str | Path, name: str) -> Training:
    """Read a checkpoint's manifest and ``log.csv`` beside it.

    Raises :class:`InputError` if one of them is missing or lacks a key or column.
    """
    record = read_record(path, _KEYS)
    log_path = Path(path).with_name("log.csv")
    try:
        log = pd.read_csv(log_path, usecols=_COLUMNS)
    except OSError as error:
        raise InputError(f"{log_path}: {error.strerror}; expected the trainer's log") from None
    except ValueError as error:
        raise InputError(f"{log_path}: not a trainer's log: {error}") from None
    if log.empty:
        raise InputError(f"{log_path}: no steps, expected a row per optimizer step")
    return Training(name, record, log)


def thinned(log: pd.DataFrame, points: int = 500) -> pd.DataFrame:
    """Return the log with at most ``points`` rows, each the mean over as many steps in a row."""
    if len(log) <= points:
        return log
    return log.groupby(np.arange(len(log)) * points // len(log)).mean()


def training_table(trainings: Sequence[Training], names: Names) -> Table:
    """Return what each recipe was trained with and what came of it, a row per recipe."""
    rows = []
    for training in trainings:
        record, loss = training.record, training.log["loss"]
        recipe, tenth = record["recipe"], max(1, len(loss) // 10)
        rows.append(
            [
                training.name,
                names.parents.get(training.name, NONE),
                count(record["samples"]),
                count(record["dropped"]),
                f"{recipe['epochs']:g}",
                count(recipe["global_batch_size"]),
                f"{recipe['learning_rate']:.2g}",
                count(record["steps"]),
                count(record["tokens"]),
                f"{loss.iloc[:tenth].mean():.3f} → {loss.iloc[-tenth:].mean():.3f}",
            ]
        )
    header = ["recipe", "starts from", "samples", "too long", "epochs", "batch"]
    header += ["peak rate", "steps", "tokens", "loss"]
    return Table("Recipes in the order of the configuration", header, rows, text=2)
