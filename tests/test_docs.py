from __future__ import annotations

import importlib.util
import re
import shlex
from pathlib import Path
from types import ModuleType

import pytest

from deepdistill import schemas
from deepdistill.schemas import STATES

TABLES = [
    schemas.QUERIES,
    schemas.SHARD,
    schemas.PUBLISHED,
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


def module_at(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"{path.stem}_by_path", path)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_page_about_only_has_what_its_commands_print(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page = (root / "docs" / "only.md").read_text()
    module_at(root / "benchmarks" / "only.py").print_paper()
    command = re.compile(r"make benchmark NAME=passes ARGS='(.*)'")
    found = command.findall(page)
    for words in found:
        module_at(root / "benchmarks" / "passes.py").main(shlex.split(words))
    printed = [line for line in capsys.readouterr().out.splitlines() if line.startswith("| ")]
    assert len(printed) == 11 + 8 * len(found) > 11
    assert [line for line in printed if f"\n{line}\n" not in page] == []


def test_environments_are_in_step_with_lock_and_scripts(root: Path) -> None:
    module = module_at(root / "envs" / "write.py")
    written = {p.stem: p.read_text() for p in (root / "envs").glob("*.yaml")}
    assert module.environments() == written  # if not: make lock
