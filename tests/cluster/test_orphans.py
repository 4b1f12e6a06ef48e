from __future__ import annotations

import os
from pathlib import Path

import pytest

from deepdistill.cluster import orphans
from deepdistill.cluster.orphans import end_jobs
from deepdistill.errors import InputError

SQUEUE = """#!/bin/sh
[ -e refuse ] && { echo "slurm_load_jobs error: Unable to contact" >&2; exit 1; }
cat queue
"""
SCANCEL = """#!/bin/sh
echo "$@" >> cancelled
[ -e stubborn ] || sed -i 2d queue
"""


@pytest.fixture
def slurm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Stand-ins for SLURM's commands, and their folder; jobs 11, 12 and 13 are in the queue."""
    for name, text in (("squeue", SQUEUE), ("scancel", SCANCEL)):
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o755)
    (tmp_path / "queue").write_text("11\n12\n13\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    return tmp_path


def test_only_jobs_that_are_still_there_are_cancelled_and_waited_for(slurm: Path) -> None:
    end_jobs(["12", "99"])
    assert (slurm / "cancelled").read_text() == "12\n"


def test_without_jobs_slurm_is_not_asked(slurm: Path) -> None:
    (slurm / "refuse").touch()
    end_jobs([])


def test_jobs_that_do_not_end_are_named(slurm: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (slurm / "stubborn").touch()
    monkeypatch.setattr(orphans, "PATIENCE", 0)
    with pytest.raises(InputError, match="SLURM: jobs 11 12 do not end"):
        end_jobs(["11", "12"])


def test_without_an_answer_nothing_is_begun(slurm: Path) -> None:
    (slurm / "refuse").touch()
    with pytest.raises(InputError, match="SLURM: squeue: slurm_load_jobs error"):
        end_jobs(["11"])
