"""What SLURM is asked for at the paper's scale: golden files, and a real SLURM that takes them."""

from __future__ import annotations

import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from loopback import Cluster
from submitting import checkout

GOLDEN = Path(__file__).parent / "golden"
PAPER = "config/deepdistill-40m.yaml"
CONFIGS = {"paper": [PAPER], "spread": [PAPER, "tests/slurm/spread.yaml"]}


@pytest.mark.slow
@pytest.mark.parametrize("name", CONFIGS)
def test_every_rule_asks_for_what_it_did(root: Path, tmp_path: Path, name: str) -> None:
    folder = checkout(root, tmp_path / "folder")
    found = tmp_path / "found.txt"
    command = [sys.executable, "tests/slurm/sbatch_lines.py", str(found), *CONFIGS[name]]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    # After a change that is meant, `cp` the one to the other.
    assert found.read_text() == (GOLDEN / f"{name}.txt").read_text(), found


def golden_lines() -> list[str]:
    lines = {line for name in CONFIGS for line in (GOLDEN / f"{name}.txt").read_text().splitlines()}
    return sorted({line.partition(" | ")[2] for line in lines})


@pytest.mark.cluster
def test_slurm_takes_every_line(cluster: Cluster) -> None:
    refused = []
    for line in golden_lines():
        program, *words = shlex.split(line)
        try:
            cluster.run(program, "--test-only", *words, "--wrap", "true")
        except AssertionError as error:
            refused.append(str(error))
    assert not refused, "\n".join(refused)


def test_the_golden_files_show_what_is_hard() -> None:
    paper, spread = ((GOLDEN / f"{name}.txt").read_text() for name in CONFIGS)
    teacher = next(line for line in paper.splitlines() if "teacher=r1" in line and "gpus" in line)
    assert teacher.startswith("generate_responses")
    assert "--nodes=1 " in teacher
    assert teacher.endswith("--gpus=h200:8")
    wide = [line for line in spread.splitlines() if "--nodes=2 --ntasks=2" in line]
    assert [line.split(" | ")[0] for line in wide] == [
        "generate_responses teacher=r1",
        "train recipe=stage2",
    ]
    assert all(line.endswith("--gpus=h200:16") for line in wide)
    assert "array" not in paper + spread
