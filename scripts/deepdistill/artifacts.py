"""The files of an artifact: NAME.parquet, NAME.digest.json and, for some, NAME.metrics.json.

The digest file (rows, bytes and SHA-256 of the table) is small, so that Snakemake compares it by
content. It stands for the artifact wherever one is read.
"""

from __future__ import annotations

import os
from pathlib import Path

from deepdistill.files import read_json, sha256_file, write_json
from deepdistill.keys import shard_names

DIGEST = ".digest.json"


def digest_path(path: str | Path) -> Path:
    """Return the name of the digest file of the artifact at ``path``."""
    return Path(path).with_suffix(DIGEST)


def metrics_path(path: str | Path) -> Path:
    """Return the name of the metrics file of the artifact at ``path``."""
    return Path(path).with_suffix(".metrics.json")


def artifact_path(path: str | Path) -> Path:
    """Return the name of the artifact that ``path``, itself or its digest file, stands for."""
    name = str(path)
    return Path(name.removesuffix(DIGEST) + ".parquet" if name.endswith(DIGEST) else name)


def shard_paths(folder: Path, shards: int) -> list[Path]:
    """Return the artifacts of all shards in a folder, in shard order."""
    return [folder / f"{name}.parquet" for name in shard_names(shards)]


def write_digest(path: str | Path, rows: int) -> None:
    """Write the digest file of the artifact at ``path``, which has ``rows`` rows."""
    size = Path(path).stat().st_size
    write_json(digest_path(path), {"rows": rows, "bytes": size, "sha256": sha256_file(path)})


def is_damaged(path: str | Path) -> bool:
    """Say whether the artifact at ``path`` is missing, or has another size than its digest says.

    It takes no look inside: bytes that changed in place are found when the artifact is read.
    Without a digest file there is nothing to go by; Snakemake sees that one is missing.
    """
    try:
        expected = read_json(digest_path(path))["bytes"]
    except (OSError, ValueError, KeyError):
        return False
    try:
        return bool(os.stat(path).st_size != expected)
    except FileNotFoundError:
        return True


def repairs(path: str | Path) -> int:
    """Return how often the artifact at ``path`` was found damaged, this time included.

    Snakemake compares a rule's parameters with those of the last run. This one stands in the
    metrics file and is one higher while the artifact is damaged; the job that makes it again
    writes the higher count, so that the damage makes the job stale just once.
    """
    try:
        counted = int(read_json(metrics_path(path))["repairs"])
    except (OSError, ValueError, KeyError):
        counted = 0
    return counted + is_damaged(path)
