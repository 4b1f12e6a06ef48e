"""Damage is seen without a look inside where that is possible, and on reading everywhere else."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest

from deepdistill.artifacts import artifact_path, digest_path, is_damaged, metrics_path, repairs
from deepdistill.errors import InputError
from deepdistill.files import read_json, write_json
from deepdistill.schemas import CHECKS
from deepdistill.tables import iter_batches, read_artifact, write_artifact

ROWS = 1000


@pytest.fixture
def path(tmp_path: Path) -> Path:
    columns = {name: pa.nulls(ROWS, kind) for name, kind in zip(*schema(), strict=True)}
    columns["query_id"] = pa.array([f"{i * 7919:032x}" for i in range(ROWS)])
    artifact = tmp_path / "checks.parquet"
    write_artifact(artifact, CHECKS, pa.table(columns))
    return artifact


def schema() -> tuple[list[str], list[pa.DataType]]:
    return CHECKS.schema.names, CHECKS.schema.types


def test_the_digest_file_stands_for_the_artifact(path: Path) -> None:
    assert artifact_path(digest_path(path)) == artifact_path(path) == path
    assert read_artifact(digest_path(path), CHECKS).equals(read_artifact(path, CHECKS))
    assert read_json(digest_path(path))["bytes"] == path.stat().st_size


def test_a_cut_artifact_is_damaged_and_named(path: Path) -> None:
    assert not is_damaged(path)
    path.write_bytes(path.read_bytes()[:-100])
    assert is_damaged(path)
    with pytest.raises(InputError, match=r"checks\.parquet: its size is not what checks\.digest"):
        read_artifact(path, CHECKS)


@pytest.mark.parametrize("read", [read_artifact, lambda *a: list(iter_batches(*a))])
def test_bytes_that_changed_in_place_are_found_on_reading(path: Path, read: object) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 3] ^= 0xFF
    path.write_bytes(content)
    assert not is_damaged(path)
    assert callable(read)
    with pytest.raises(InputError, match=r"checks\.parquet: not a readable Parquet file: .*delete"):
        read(path, CHECKS)


def test_damage_counts_once(path: Path) -> None:
    assert repairs(path) == 0
    path.write_bytes(b"PAR1")
    assert repairs(path) == 1
    write_json(metrics_path(path), {"repairs": 1})  # as the job that makes it again does
    assert repairs(path) == 2
    path.unlink()
    assert repairs(path) == 2  # the digest file still speaks for it
    digest_path(path).unlink()
    assert repairs(path) == 1
