"""The plain workflow that the staleness table compares with: the same graph, redone as planned."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import pytest
import yaml

import plain
import running
from running import TINY

pytestmark = pytest.mark.slow

ALL_BELOW = {"train": 2, "evaluate": 1}
"""Both recipes, and the evaluation of the later one; that of the untrained base stays."""


@pytest.fixture(scope="module")
def established(done: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("established") / "folder"
    shutil.copytree(done, folder, symlinks=True)
    plain.establish(folder)
    return folder


@pytest.fixture
def folder(established: Path, tmp_path: Path) -> Iterator[Path]:
    """A copy of an established run, to be edited."""
    copied = tmp_path / "copied"
    shutil.copytree(established, copied, symlinks=True)
    yield copied
    shutil.rmtree(copied)


@pytest.fixture
def rows(established: Path) -> dict[tuple[str, str, str], int]:
    return plain.shard_rows(established)


def edit(folder: Path, name: str, old: str, new: str) -> None:
    path = folder / name
    text = path.read_text()
    assert text.count(old) == 1, f"{name}: {old}"
    path.write_text(text.replace(old, new))


def of(rows: dict[tuple[str, str, str], int], artifact: str, teacher: str = "") -> int:
    """Count an artifact's rows, of one teacher or of all."""
    return sum(n for (a, t, _), n in rows.items() if a == artifact and teacher in ("", t))


def test_an_established_copy_is_up_to_date(
    folder: Path, rows: dict[tuple[str, str, str], int]
) -> None:
    assert plain.planned(folder) == []
    assert plain.redone(folder, rows) == {}


def test_a_temperature_redoes_all_rows_of_its_teacher(
    folder: Path, rows: dict[tuple[str, str, str], int]
) -> None:
    edit(folder, TINY, "    max_tokens: 24\n", "    max_tokens: 24\n    temperature: 0.5\n")
    # What the learner's responses are checked for after the edit is not known here: say 3 a shard.
    rows |= {key: 3 for key in rows if key[:2] == ("checks", "learner")}
    assert plain.redone(folder, rows) == {"responses": 10 * 2, "checks": 2 * 3, **ALL_BELOW}


def test_a_comment_in_a_script_redoes_everything_below(
    folder: Path, rows: dict[tuple[str, str, str], int]
) -> None:
    edit(folder, "scripts/take_responses.py", "import json\n", "import json  # a comment\n")
    assert of(rows, "responses", "recorded") == 10 * 4
    assert plain.redone(folder, rows) == {
        "responses": 10 * 4,
        "checks": of(rows, "checks", "recorded"),
        **ALL_BELOW,
    }


def test_an_imported_module_redoes_nothing(
    folder: Path, rows: dict[tuple[str, str, str], int]
) -> None:
    module = "scripts/deepdistill/verification/math.py"
    edit(folder, module, "MAX_LENGTH = 2000", "MAX_LENGTH = 2001")
    assert plain.redone(folder, rows) == {}


def test_one_more_pass_redoes_all_passes(
    folder: Path, rows: dict[tuple[str, str, str], int]
) -> None:
    edit(folder, TINY, "    passes: 4\n", "    passes: 5\n")
    rows |= {key: n * 5 // 4 for key, n in rows.items() if key[:2] == ("responses", "recorded")}
    assert plain.redone(folder, rows) == {
        "responses": 10 * 5,
        "checks": of(rows, "checks", "recorded"),
        **ALL_BELOW,
    }


def demo(folder: Path) -> str:
    return "config/config.yaml"


def tiny(folder: Path) -> str:
    return TINY


def with_models_that_verify(folder: Path) -> str:
    """Write a configuration with a judge, a reward model and perplexity."""
    config = yaml.safe_load((folder / TINY).read_text())
    model = {"model": config["training"]["students"]["base"]["model"]}
    config["verification"] = {"judge": model, "reward": model, "perplexity": model}
    (folder / "verified.yaml").write_text(yaml.safe_dump(config, sort_keys=False))
    return "verified.yaml"


@pytest.mark.parametrize("configuration", [tiny, demo, with_models_that_verify])
def test_the_graph_is_ours(bare_clone: Path, configuration: Callable[[Path], str]) -> None:
    """The same jobs, except that a plain workflow has the models themselves for inputs."""
    config = configuration(bare_clone)
    ours = running.snakemake(bare_clone, "--dry-run", "all", config=config)
    jobs = running.jobs_of(ours.stdout + ours.stderr)
    assert comparable(plain.planned(bare_clone, config)) == comparable(
        job for job in jobs if job[0] != "identify_model"
    )


def comparable(jobs: Iterable[plain.Job]) -> list[tuple[str, list[tuple[str, str]]]]:
    return sorted((rule, sorted(wildcards.items())) for rule, wildcards in jobs)


def test_every_rule_names_a_script_of_ours(root: Path) -> None:
    text = (root / plain.SNAKEFILE).read_text()
    scripts = re.findall(r'script: "\.\./\.\./\.\./(.+)"', text)
    rules = re.findall(r"^rule (\w+):", text, re.MULTILINE)
    assert scripts == [f"scripts/{rule}.py" for rule in rules if rule != "all"]
    assert all((root / script).is_file() for script in scripts)
