"""Trainings of several processes: what they are told, and that they compute the same."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from deepdistill.errors import InputError
from deepdistill.files import read_json
from deepdistill.training.layout import RANK, Layout
from deepdistill.training.recipe import Recipe

ROOT = Path(__file__).parents[2]
TOLERANCE = 1e-4
"""Largest difference of losses, as a share: sums of float32 in another order."""


def test_processes_and_accumulation_make_up_the_global_batch(recipe):
    read = Recipe.from_config({**recipe, "global_batch_size": 64, "per_device_batch_size": 2})
    assert Layout().accumulation_steps(read) == 32
    layout = Layout(nodes=2, gpus=16)
    assert (layout.processes, layout.world) == (8, 16)
    assert layout.accumulation_steps(read) == 2
    with pytest.raises(InputError, match="multiples of 96, which is per_device_batch_size × 48"):
        Layout(nodes=6, gpus=48).accumulation_steps(read)


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"nodes": 3, "gpus": 8}, "gpus is 8; allowed: multiples of nodes, which is 3"),
        ({"offload": True}, "offload is true and zero is 0"),
    ],
)
def test_contradictions_are_named(config, message):
    with pytest.raises(InputError, match=message):
        Layout.from_config(config)


def test_processes_are_started_once(monkeypatch):
    assert not Layout(gpus=1).launched
    assert Layout(zero=1).launched  # DeepSpeed wants to be told of its world, even of one
    assert Layout(nodes=2).launched
    monkeypatch.setenv(RANK, "0")
    assert not Layout(nodes=2).launched


def test_states_of_other_layouts_are_not_mistaken():
    layouts = [Layout(), Layout(zero=3), Layout(nodes=2), Layout(nodes=2, zero=3), Layout(gpus=4)]
    assert len({layout.state for layout in layouts}) == len(layouts)


def test_deepspeed_is_told_what_to_share_out():
    assert Layout(gpus=8).deepspeed() is None
    told = Layout(nodes=2, gpus=16, zero=3, offload=True).deepspeed()
    assert told is not None
    stage = told["zero_optimization"]
    assert stage["stage"] == 3
    assert (
        stage["offload_param"]
        == stage["offload_optimizer"]
        == {
            "device": "cpu",
            "pin_memory": True,
        }
    )
    assert "offload_param" not in Layout(zero=2, offload=True).deepspeed()["zero_optimization"]


@pytest.fixture
def start(parent_identity: Path, tmp_path: Path, recipe, write_dataset, sums):
    """Return a function that starts the script."""
    dataset = write_dataset(sums)

    def run(name: str, changes: dict[str, Any], layout: dict[str, Any]) -> subprocess.Popen[str]:
        arguments = {
            "config": json.dumps({**recipe, "per_device_batch_size": 1, **changes}),
            "layout": json.dumps(layout),
            "code-digest": "code",
            "seed": 1,
            "parent": parent_identity,
            "dataset": dataset,
            "output": tmp_path / name / "checkpoint.json",
            "work-dir": tmp_path / name / "work",
            "metrics": tmp_path / name / "metrics.json",
        }
        words = [str(w) for key, value in arguments.items() for w in (f"--{key}", value)]
        return subprocess.Popen(
            [sys.executable, "scripts/train.py", *words],
            cwd=ROOT,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    return run


def finish(process: subprocess.Popen[str]) -> None:
    printed = process.communicate()[0]
    assert process.returncode == 0, printed


def log_of(folder: Path) -> list[dict[str, str]]:
    with open(folder / "log.csv", newline="") as stream:
        return list(csv.DictReader(stream))


def losses(folder: Path) -> list[float]:
    return [float(row["loss"]) for row in log_of(folder)]


@pytest.mark.slow
@pytest.mark.skipif(find_spec("deepspeed") is None, reason="DeepSpeed is not installed")
def test_shared_out_weights_give_the_same_losses_and_checkpoint(start, tmp_path):
    finish(start("one", {}, {}))
    finish(start("shared", {}, {"zero": 3}))
    assert losses(tmp_path / "shared") == pytest.approx(losses(tmp_path / "one"), rel=TOLERANCE)
    one, shared = (tmp_path / name for name in ("one", "shared"))
    assert read_json(one / "checkpoint.json")["key"] == read_json(shared / "checkpoint.json")["key"]
    assert weights(one) == weights(shared)


def weights(folder: Path) -> dict[str, tuple[list[int], str]]:
    """Shape and number format of each tensor of a checkpoint."""
    from safetensors import safe_open

    with safe_open(folder / "model" / "model.safetensors", "pt") as tensors:
        slices = {name: tensors.get_slice(name) for name in tensors.keys()}  # noqa: SIM118
        return {name: (s.get_shape(), s.get_dtype()) for name, s in slices.items()}


def said_before(process: subprocess.Popen[str], words: str) -> str:
    """Read what the process prints until the words are in it."""
    assert process.stdout is not None
    printed = ""
    for line in process.stdout:
        printed += line
        if words in line:
            return printed
    raise AssertionError(printed)


@pytest.mark.slow
def test_a_training_that_is_told_to_end_keeps_its_last_step(start, tmp_path):
    changes = {"epochs": 40, "save_steps": 1000}
    finish(start("whole", changes, {}))
    states = (tmp_path / "ended" / "work").glob
    steps = 0
    for number in (signal.SIGUSR1, signal.SIGTERM):
        process = start("ended", changes, {})
        begun = f"step {16 if not steps else 32 + steps // 16 * 16} of 160"
        printed = said_before(process, begun)
        process.send_signal(number)
        printed += process.communicate()[0]
        assert process.returncode == 128 + number, printed
        (state,) = states("*/state/checkpoint-*/trainer_state.json")
        before, steps = steps, read_json(state)["global_step"]
        assert before < steps < 160
    finish(start("ended", changes, {}))
    assert read_json(tmp_path / "ended" / "metrics.json")["steps_kept"] == steps
    assert log_of(tmp_path / "ended") == log_of(tmp_path / "whole")
