"""Snakemake with the profile slurm, edited for the test cluster as docs/slurm.md says."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from loopback import ACCOUNT, GPU_KIND
from running import clone, environment

SITE = {
    "slurm_account: CHANGE_ME": f"slurm_account: {ACCOUNT}",
    "slurm_partition: CHANGE_ME": "slurm_partition: cpu",
    "gpu_partition: CHANGE_ME": "gpu_partition: gpu",
    "gpu_kind: CHANGE_ME": f"gpu_kind: {GPU_KIND}",
}
"""What the profile says, and what it says on this site."""

QUICKER = {
    "status-checks: 10": "status-checks: 2",
    "latency-wait: 60": "latency-wait: 5",
}
"""No decisions of a site's: in tests nobody wants to wait."""

PATIENCE = 1800.0


def checkout(root: Path, folder: Path, edits: Mapping[str, str] = QUICKER) -> Path:
    """Clone the working tree and edit the clone's profile."""
    clone(root, folder)
    profile = folder / "profiles" / "slurm" / "profile.yaml"
    text = profile.read_text()
    for old, new in {**SITE, **edits}.items():
        assert old in text, old
        text = text.replace(old, new)
    profile.write_text(text)
    return folder


def command(*words: str, config: str) -> list[str]:
    """Return the command line of Snakemake on the cluster."""
    line = [sys.executable, "-m", "snakemake", *words, "--profile", "slurm"]
    return [*line, "--configfile", config]


def submitted(folder: Path, *words: str, config: str) -> str:
    """Run Snakemake on the cluster, which must succeed, and return what it printed."""
    with started(folder, *words, config=config) as process:
        printed = process.communicate(timeout=PATIENCE)[0]
    assert process.returncode == 0, printed
    return printed


@contextmanager
def started(folder: Path, *words: str, config: str) -> Iterator[subprocess.Popen[str]]:
    """Start Snakemake on the cluster in a session of its own; at last it is killed."""
    process = subprocess.Popen(
        command(*words, config=config),
        cwd=folder,
        env={**environment(folder), "OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
