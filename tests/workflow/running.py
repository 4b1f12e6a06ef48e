"""Cloning the working tree and running Snakemake in the clone, as a user would."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

TINY = "tests/workflow/tiny.yaml"

LEAN = Path(__file__).parent / "lean"
"""Folder of the module by which a job's Python starts without what it does not need."""

Job = tuple[str, dict[str, str]]
"""Rule and wildcards."""


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
    return subprocess.run(
        command(*words, config=config),
        cwd=folder,
        env=environment(folder),
        capture_output=True,
        text=True,
        check=False,
    )


def run(folder: Path, config: str = TINY) -> str:
    """Run all, which must succeed, and return what was printed."""
    result = snakemake(folder, "all", config=config)
    printed = result.stdout + result.stderr
    assert result.returncode == 0, printed
    return printed


def command(*words: str, config: str = TINY) -> list[str]:
    """Return the command line of Snakemake."""
    line = [sys.executable, "-m", "snakemake", *words, "--profile", "profiles/local"]
    return [*line, "--configfile", config]


def environment(folder: Path) -> dict[str, str]:
    """Return the environment of somebody whose home is the folder, without a network.

    The folder is installed there, so that Snakemake finds its logger plugin; jobs start lean.
    """
    path, modules = "/usr/local/bin:/usr/bin:/bin", f"{folder / 'scripts'}:{LEAN}"
    return {"PATH": path, "HOME": str(folder), "HF_HUB_OFFLINE": "1", "PYTHONPATH": modules}


def jobs_of(printed: str) -> list[Job]:
    """Return the jobs that a run or a dry-run printed; their number is that of its own table."""
    blocks = re.findall(r"^(?:local)?rule (\w+):\n((?: {4}.*\n)*)", printed, re.MULTILINE)
    jobs: list[Job] = [(rule, _wildcards(block)) for rule, block in blocks]
    total = re.search(r"^total +(\d+)$", printed, re.MULTILINE)
    assert len(jobs) == (int(total[1]) if total else 0), printed
    assert jobs or "Nothing to be done" in printed, printed
    return jobs


def _wildcards(block: str) -> dict[str, str]:
    found = re.search(r"^ {4}wildcards: (.+)$", block, re.MULTILINE)
    return dict(pair.split("=", 1) for pair in found[1].split(", ")) if found else {}
