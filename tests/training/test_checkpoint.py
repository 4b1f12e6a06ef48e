from __future__ import annotations

from pathlib import Path

import pytest

from deepdistill.models import MODEL, model_digest
from deepdistill.training.checkpoint import COPY, checkpoint_key, current_manifest, publish


def test_key_depends_on_each_part_and_on_nothing_else():
    def key(**change: object) -> str:
        parts = {
            "config": {"epochs": 1, "dtype": "float32"},
            "seed": 0,
            "dataset_sha256": "d",
            "parent": "p",
            "code_digest": "c",
        }
        return checkpoint_key(**{**parts, **change})  # type: ignore[arg-type]

    assert key() == key(config={"dtype": "float32", "epochs": 1})
    changes: list[dict[str, object]] = [
        {"config": {"epochs": 2, "dtype": "float32"}},
        {"seed": 1},
        {"dataset_sha256": "e"},
        {"parent": "q"},
        {"code_digest": "x"},
    ]
    assert len({key(), *(key(**change) for change in changes)}) == 6


@pytest.fixture
def output(tmp_path: Path) -> Path:
    staged = tmp_path / ".staged"
    (staged / MODEL).mkdir(parents=True)
    (staged / MODEL / "config.json").write_text("{}")
    (staged / MODEL / "model.safetensors").write_bytes(b"weights")
    (staged / "log.csv").write_text("step\n")
    output = tmp_path / "CHECKPOINT.json"
    publish(staged, output, {"key": "k"})
    return output


def test_a_published_checkpoint_is_current_for_its_key_only(output: Path):
    manifest = current_manifest(output, "k")
    assert manifest is not None
    assert set(manifest["files"]) == {"log.csv", "model/config.json", "model/model.safetensors"}
    assert manifest["digest"] == model_digest(output.parent / MODEL)
    assert current_manifest(output, "other") is None


def test_the_copy_serves_when_snakemake_deleted_the_manifest(output: Path):
    output.unlink()
    assert current_manifest(output, "k") is not None


def test_a_damaged_checkpoint_is_not_current(output: Path):
    (output.parent / MODEL / "model.safetensors").write_bytes(b"other")
    assert current_manifest(output, "k") is None


def test_a_half_written_manifest_is_not_current(output: Path):
    output.write_text("{")
    (output.parent / MODEL / COPY).write_text("{")
    assert current_manifest(output, "k") is None
