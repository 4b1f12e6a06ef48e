"""Ways to change a folder in which the configuration of these tests has run."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml

CONFIG = "tests/staleness/config.yaml"
DATA = "tests/staleness/data"
PROMPTS = "tests/staleness/prompts"
LIBRARY = "scripts/deepdistill"


def text(name: str, old: str, new: str) -> Callable[[Path], None]:
    """Replace a text that a file has once."""

    def apply(folder: Path) -> None:
        path = folder / name
        content = path.read_text()
        assert content.count(old) == 1, f"{name}: {old}"
        path.write_text(content.replace(old, new))

    return apply


def lines(name: str, change: Callable[[list[str]], list[str]]) -> Callable[[Path], None]:
    """Change the list of a file's lines."""

    def apply(folder: Path) -> None:
        path = folder / name
        path.write_text("".join(change(path.read_text().splitlines(keepends=True))))

    return apply


def config(change: Callable[[dict[str, Any]], None]) -> Callable[[Path], None]:
    """Change the configuration."""

    def apply(folder: Path) -> None:
        path = folder / CONFIG
        settings = yaml.safe_load(path.read_text())
        change(settings)
        path.write_text(yaml.safe_dump(settings, sort_keys=False))

    return apply


def put(key: str, value: Any) -> Callable[[Path], None]:
    """Set one key of the configuration, given with dots."""

    def change(settings: dict[str, Any]) -> None:
        *sections, name = key.split(".")
        for section in sections:
            settings = settings.setdefault(section, {})
        settings[name] = value

    return config(change)


def drop(key: str) -> Callable[[Path], None]:
    """Remove one key of the configuration, given with dots."""

    def change(settings: dict[str, Any]) -> None:
        *sections, name = key.split(".")
        for section in sections:
            settings = settings[section]
        del settings[name]

    return config(change)


def add_line(name: str, line: str) -> Callable[[Path], None]:
    """Add a line to a file."""
    return lines(name, lambda old: [*old, line + "\n"])


def swap_sources(settings: dict[str, Any]) -> None:
    """Turn the order of the sources round."""
    settings["sources"] = dict(reversed(settings["sources"].items()))


def touch_everything(folder: Path) -> None:
    """Give every file the time of now, in the order of the names."""
    for path in sorted(folder.rglob("*")):
        if path.is_file() and ".snakemake" not in path.parts:
            path.touch()


def move(folder: Path, target: Path) -> None:
    """Put the contents of ``target`` in the place of those of ``folder``."""
    shutil.rmtree(folder)
    target.rename(folder)


def copy_elsewhere(folder: Path) -> None:
    """Copy the folder as `cp -r` does, with new times: here in the order of the names."""
    target = folder.with_name("copied-again")
    subprocess.run(["cp", "-r", folder, target], check=True)
    touch_everything(target)
    move(folder, target)


def git(folder: Path, *words: str) -> None:
    """Run git in a folder as somebody."""
    somebody = ["-c", "user.name=Somebody", "-c", "user.email=somebody@example.org"]
    subprocess.run(["git", *somebody, *words], cwd=folder, check=True, capture_output=True)


def commit(folder: Path) -> None:
    """Make a repository of what a clone would have."""
    git(folder, "init", "--quiet", "--initial-branch=main")
    git(folder, "add", "--force", ".gitignore", "Snakefile", "rules", "scripts", "config", "tests")
    locks = [path.name for path in folder.glob("requirements*.lock")]
    git(folder, "add", "--force", "profiles", *locks, "envs")
    git(folder, "commit", "--quiet", "--message=all")


def clone_elsewhere(folder: Path) -> None:
    """Clone the code to another path and move results, records and models there."""
    commit(folder)
    target = folder.with_name("cloned")
    git(folder, "clone", "--quiet", str(folder), str(target))
    for name in ("results", ".snakemake", "models", ".cache"):
        (folder / name).rename(target / name)
    move(folder, target)


def switch_branch_and_back(folder: Path) -> None:
    """Have other versions of a script, a module and a source for a while."""
    commit(folder)
    git(folder, "switch", "--quiet", "--create", "other")
    for name in ("scripts/train.py", f"{LIBRARY}/tables.py", f"{DATA}/questions.jsonl"):
        lines(name, lambda old: [*old, old[-1]])(folder)
    git(folder, "commit", "--quiet", "--all", "--message=other")
    git(folder, "switch", "--quiet", "main")


def delete_shard(folder: Path) -> None:
    """Delete one shard of the learner's responses with all that lies beside it."""
    for path in (folder / "results/responses/learner").glob("00000-of-00002.*"):
        path.unlink()


def damage_shard(folder: Path) -> None:
    """Cut one shard of the learner's responses."""
    path = folder / "results/responses/learner/00000-of-00002.parquet"
    path.write_bytes(path.read_bytes()[:1000])


def rename_published(folder: Path) -> None:
    """Give the published responses' file another name."""
    (folder / DATA / "recorded.jsonl").rename(folder / DATA / "renamed.jsonl")
    put("teachers.recorded.data", f"{DATA}/renamed.jsonl")(folder)


def copy_judge(folder: Path) -> None:
    """Move the judge's model to another folder."""
    (folder / "models" / "judge").rename(folder / "models" / "moved")
    put("verification.judge.model", "models/moved")(folder)
