from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

from deepdistill import schemas
from deepdistill.schemas import STATES

TABLES = [
    schemas.QUERIES,
    schemas.SHARD,
    schemas.RESPONSES,
    schemas.CHECKS,
    schemas.JUDGEMENTS,
    schemas.REWARDS,
    schemas.PERPLEXITIES,
    schemas.VERDICTS,
    schemas.SELECTED,
    schemas.DATASET,
    schemas.GENERATIONS,
]


@pytest.mark.parametrize("artifact", TABLES, ids=lambda a: a.name)
def test_the_artifacts_page_names_the_columns(root: Path, artifact: schemas.Artifact) -> None:
    page = (root / "docs" / "artifacts.md").read_text()
    row = next(r for r in page.splitlines() if r.startswith(f"| `{artifact.name}/{{"))
    assert row.split("|")[3].strip() == ", ".join(artifact.schema.names)


def test_the_artifacts_page_explains_every_state(root: Path) -> None:
    page = (root / "docs" / "artifacts.md").read_text()
    assert [s for s in STATES if f"\n| {s} | " not in page] == []


def test_environments_are_in_step_with_lock_and_scripts(root: Path) -> None:
    spec = importlib.util.spec_from_file_location("write", root / "envs" / "write.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    written = {p.stem: p.read_text() for p in (root / "envs").glob("*.yaml")}
    assert module.environments() == written  # if not: make lock
