"""A clone of the working tree, and the tiny configuration run in it."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

TINY = "tests/workflow/tiny.yaml"


def clone(root: Path, target: Path) -> Path:
    """Copy the files that a clone of this tree would have."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=root,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    for name in filter(None, listed.split("\0")):
        if (root / name).exists():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(root / name, target / name, follow_symlinks=False)
    return target


def snakemake(folder: Path, *words: str, config: str = TINY) -> subprocess.CompletedProcess[str]:
    """Run Snakemake as a user would, without an activated environment."""
    command = [sys.executable, "-m", "snakemake", *words, "--profile", "profiles/local"]
    return subprocess.run(
        [*command, "--configfile", config],
        cwd=folder,
        env={"PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": str(folder)},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture(scope="session")
def bare_clone(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clone in which nothing has run."""
    return clone(root, tmp_path_factory.mktemp("clone"))


@pytest.fixture(scope="session")
def done(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clone in which the tiny configuration has run once."""
    folder = clone(root, tmp_path_factory.mktemp("done"))
    result = snakemake(folder, "all")
    assert result.returncode == 0, result.stdout + result.stderr
    return folder
