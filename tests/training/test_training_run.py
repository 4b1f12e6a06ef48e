"""Whole training runs of a random model; importing the trainer alone takes seconds."""

from __future__ import annotations

import csv
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import pytest

from deepdistill.errors import InputError
from deepdistill.models import model_digest
from deepdistill.training.run import train_checkpoint

pytestmark = pytest.mark.slow


@pytest.fixture
def train(parent: Path, tmp_path: Path):
    def run(recipe: dict[str, object], dataset: Path, name: str = "run") -> dict[str, object]:
        output = tmp_path / name / "CHECKPOINT.json"
        return train_checkpoint(recipe, 1, parent, dataset, output, tmp_path / "work", "code")

    return run


def log_of(folder: Path) -> list[dict[str, str]]:
    with open(folder / "log.csv", newline="") as stream:
        return list(csv.DictReader(stream))


def test_a_run_publishes_a_model_a_log_and_a_manifest(
    train, recipe, write_dataset, sums, tmp_path, parent
):
    manifest = train(recipe, write_dataset([*sums, [("user", "1"), ("assistant", "a" * 80)]]))
    log = log_of(tmp_path / "run")
    assert [int(row["step"]) for row in log] == list(range(1, 9))
    assert manifest["steps"] == 8
    assert (manifest["samples"], manifest["dropped"]) == (16, 1)
    tokens = 2 * sum(
        len(f"uq+=?at{'a' * (a + 1)}te{a + b}") + 1 for a in range(4) for b in range(4)
    )
    assert manifest["tokens"] == int(log[-1]["tokens"]) == tokens
    assert float(log[-1]["loss"]) < float(log[0]["loss"])
    assert model_digest(tmp_path / "run" / "model") != model_digest(parent)
    assert not (tmp_path / "work").exists()
    assert {p.name for p in (tmp_path / "run").iterdir()} == {"CHECKPOINT.json", "model", "log.csv"}


def test_a_current_checkpoint_ends_at_once_without_torch(
    train, recipe, write_dataset, sums, tmp_path, parent
):
    dataset = write_dataset(sums)
    manifest = train(recipe, dataset)
    (tmp_path / "run" / "CHECKPOINT.json").unlink()
    program = (
        "import json, sys\n"
        "from deepdistill.training.run import train_checkpoint\n"
        f"m = train_checkpoint({recipe!r}, 1, {str(parent)!r}, {str(dataset)!r}, "
        f"{str(tmp_path / 'run' / 'CHECKPOINT.json')!r}, {str(tmp_path / 'work')!r}, 'code')\n"
        "print(m['key'], 'torch' in sys.modules)\n"
    )
    scripts = Path(__file__).parents[2] / "scripts"
    output = subprocess.run(
        [sys.executable, "-c", program], env={"PYTHONPATH": str(scripts)}, capture_output=True
    )
    assert output.stdout.decode().split() == [manifest["key"], "False"], output.stderr
    assert (tmp_path / "run" / "CHECKPOINT.json").is_file()


@pytest.fixture
def on_step(monkeypatch):
    """Calls a function with each finished step's number until the returned context ends."""
    from deepdistill.training import trainer

    unchanged = trainer._Guard.on_log

    @contextmanager
    def patch(function):
        def on_log(self, args, state, control, **kwargs):
            if "loss" in kwargs["logs"]:
                function(state.global_step)
            unchanged(self, args, state, control, **kwargs)

        with monkeypatch.context() as context:
            context.setattr(trainer._Guard, "on_log", on_log)
            yield

    return patch


def test_a_killed_run_goes_on_and_ends_in_the_same_model(
    train, recipe, write_dataset, sums, tmp_path, on_step
):
    def kill(step: int) -> None:
        if step == 5:
            raise KeyboardInterrupt

    dataset = write_dataset(sums)
    whole = train(recipe, dataset, "whole")
    with on_step(kill), pytest.raises(KeyboardInterrupt):
        train(recipe, dataset, "killed")
    assert not (tmp_path / "killed" / "CHECKPOINT.json").exists()
    (run_dir,) = (tmp_path / "work").iterdir()
    (run_dir / "state" / "checkpoint-4").mkdir()  # killed while it was written

    steps: list[int] = []
    with on_step(steps.append):
        resumed = train(recipe, dataset, "killed")
    assert steps == [4, 5, 6, 7, 8]  # the state after step 3 was saved
    weights = "model/model.safetensors"
    assert resumed["files"][weights] == whole["files"][weights]
    assert log_of(tmp_path / "killed") == log_of(tmp_path / "whole")
    assert resumed["train_loss"] == whole["train_loss"]


def test_a_run_killed_before_publication_only_publishes(
    train, recipe, write_dataset, sums, monkeypatch, on_step
):
    dataset = write_dataset(sums)
    whole = train(recipe, dataset, "whole")

    def kill(*_arguments: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("deepdistill.training.run.publish", kill)
        with pytest.raises(KeyboardInterrupt):
            train(recipe, dataset, "killed")
    steps: list[int] = []
    with on_step(steps.append):
        resumed = train(recipe, dataset, "killed")
    assert steps == []
    assert resumed["files"]["log.csv"] == whole["files"]["log.csv"]
    assert {**resumed, "files": None} == {**whole, "files": None}


def test_packed_samples_do_not_see_each_other(train, recipe, write_dataset, sums, tmp_path):
    dataset = write_dataset(sums[:4])
    recipe |= {"epochs": 1, "global_batch_size": 4, "per_device_batch_size": 4}
    train(recipe, dataset, "apart")
    train({**recipe, "packing": True}, dataset, "packed")
    apart, packed = log_of(tmp_path / "apart")[0], log_of(tmp_path / "packed")[0]
    assert packed["tokens"] == apart["tokens"]
    assert float(packed["loss"]) == pytest.approx(float(apart["loss"]), rel=1e-5)


def test_a_loss_that_is_no_number_ends_the_run(train, recipe, write_dataset, sums, tmp_path):
    with pytest.raises(InputError, match="the loss is nan at step"):
        train({**recipe, "learning_rate": 1e30}, write_dataset(sums))
    assert not (tmp_path / "run").exists()


def test_bfloat16_is_what_the_checkpoint_is_stored_in(train, recipe, write_dataset, sums, tmp_path):
    from safetensors import safe_open

    train({**recipe, "dtype": "bfloat16", "epochs": 0.5}, write_dataset(sums))
    with safe_open(tmp_path / "run" / "model" / "model.safetensors", "pt") as weights:
        kinds = {weights.get_slice(name).get_dtype() for name in weights.keys()}  # noqa: SIM118
    assert kinds == {"BF16"}
