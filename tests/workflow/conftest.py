"""A clone of the working tree, and the tiny configuration run in it."""

from __future__ import annotations

from pathlib import Path

import pytest

from running import clone, snakemake


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
