from __future__ import annotations

import time
from pathlib import Path

from deepdistill.evaluation.result import (
    current_result,
    evaluation_key,
    samples_path,
    summarise_records,
    write_samples,
)
from deepdistill.evaluation.settings import Settings
from deepdistill.files import sha256_file, write_json


def sample(score: float, state: str, tokens: int) -> dict[str, object]:
    return {"score": score, "state": state, "tokens": tokens, "finished": state != "truncated"}


RECORDS = [
    {"id": "1", "question": "a", "samples": [sample(1, "passed", 4), sample(0, "failed", 6)]},
    {"id": "2", "question": "b", "samples": [sample(0, "truncated", 8), sample(0, "failed", 2)]},
]


def test_the_numbers_of_a_result(settings):
    result = summarise_records(RECORDS, Settings.from_config({**settings, "k": 2}))
    assert (result["k"], result["questions"]) == (2, 2)
    assert (result["mean"], result["stderr"]) == (0.25, 0.25)
    assert (result["stopped"], result["mean_tokens"]) == (0.75, 5)
    assert result["states"] == {"passed": 1, "failed": 2, "truncated": 1}
    assert result["per_question"][1] == {
        "id": "2",
        "question": "b",
        "scores": [0, 0],
        "states": ["truncated", "failed"],
    }


def test_generations_are_written_as_the_same_bytes_at_any_time(tmp_path: Path, monkeypatch):
    write_samples(tmp_path / "a.gz", RECORDS)
    monkeypatch.setattr(time, "time", lambda: 0.0)
    write_samples(tmp_path / "b.gz", RECORDS)
    assert sha256_file(tmp_path / "a.gz") == sha256_file(tmp_path / "b.gz")


def test_key_depends_on_each_part(tmp_path: Path, settings):
    (tmp_path / "config.json").write_text("{}")
    parts = {
        "config": settings,
        "seed": 0,
        "model": tmp_path,
        "model_name": "m",
        "benchmark": "b",
        "data_sha256": "d",
        "task_sha256": "t",
        "code_digest": "c",
    }
    changes = [
        {"config": {**settings, "k": 9}},
        {"seed": 1},
        {"model_name": "n"},
        {"benchmark": "a"},
        {"data_sha256": "e"},
        {"task_sha256": "u"},
        {"code_digest": "x"},
    ]
    keys = {evaluation_key(**{**parts, **change}) for change in changes}
    keys.add(evaluation_key(**parts))
    (tmp_path / "model.safetensors").write_bytes(b"w")
    keys.add(evaluation_key(**parts))
    assert len(keys) == len(changes) + 2


def test_a_result_is_current_with_its_key_and_its_generations(tmp_path: Path):
    output = tmp_path / "result.json"
    write_samples(samples_path(output), RECORDS)
    write_json(output, {"key": "k", "samples_sha256": sha256_file(samples_path(output))})
    assert current_result(output, "k") is not None
    assert current_result(output, "other") is None
    write_samples(samples_path(output), RECORDS[:1])
    assert current_result(output, "k") is None
