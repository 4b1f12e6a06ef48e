"""A finished run of the configuration that these tests edit."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from changes import CONFIG
from models import build_models
from running import clone, run


@pytest.fixture(scope="session")
def finished(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clone in which the configuration has run."""
    folder = clone(root, tmp_path_factory.mktemp("finished"))
    build_models(folder)
    run(folder, CONFIG)
    return folder


@pytest.fixture
def copied(finished: Path, tmp_path: Path) -> Iterator[Path]:
    """A copy of the finished run, to be edited."""
    folder = tmp_path / "folder"
    shutil.copytree(finished, folder, symlinks=True)
    yield folder
    shutil.rmtree(folder)
