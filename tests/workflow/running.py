"""Cloning the working tree and running Snakemake in the clone, as a user would."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

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
