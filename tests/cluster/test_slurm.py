from __future__ import annotations

import os
from pathlib import Path

import pytest

from deepdistill.cluster import slurm
from deepdistill.cluster.slurm import held_seconds
from deepdistill.errors import InputError

SACCT = """#!/bin/sh
echo "$@" > asked
[ -e disabled ] && { echo "Slurm accounting storage is disabled" >&2; exit 1; }
cat books
"""


@pytest.fixture
def books(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A stand-in for SLURM's accounting, and its folder."""
    (tmp_path / "sacct").write_text(SACCT)
    (tmp_path / "sacct").chmod(0o755)
    (tmp_path / "books").write_text(
        "11|COMPLETED|7\n12|RUNNING|3\n13|FAILED|9\n14|CANCELLED by 0|2\n15|COMPLETED|0\n"
    )
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    return tmp_path


def test_jobs_that_completed_held_what_the_accounting_says(books: Path) -> None:
    assert held_seconds(["11", "12", "13", "14", "15"]) == {"11": 7.0, "15": 0.0}
    assert "--jobs=11,12,13,14,15" in (books / "asked").read_text()


def test_of_many_jobs_the_last_stand_for_all(books: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slurm, "ACCOUNTED", 2)
    held_seconds(["11", "12", "15"])
    assert (books / "asked").read_text().rstrip().endswith("--jobs=12,15")


def test_without_jobs_nobody_is_asked(books: Path) -> None:
    assert held_seconds([]) == {}
    assert not (books / "asked").exists()


def test_without_accounting_it_is_said(books: Path) -> None:
    (books / "disabled").touch()
    with pytest.raises(InputError, match="SLURM: sacct: Slurm accounting storage is disabled"):
        held_seconds(["11"])
