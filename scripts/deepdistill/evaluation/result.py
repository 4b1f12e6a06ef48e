"""An evaluation's identity, its result and every generation behind it, on disk."""

from __future__ import annotations

import gzip
import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from statistics import fmean
from typing import Any

from deepdistill.evaluation.settings import Settings
from deepdistill.evaluation.statistics import mean_and_stderr
from deepdistill.files import atomic_path, canonical_json, read_json, sha256_file
from deepdistill.models import model_digest


def evaluation_key(
    config: Mapping[str, Any],
    seed: int,
    model: str | Path,
    model_name: str,
    benchmark: str,
    data_sha256: str,
    task_sha256: str,
    code_digest: str,
) -> str:
    """Return the key of an evaluation: equal keys, equal results.

    It is the SHA-256 of the sampling settings, the seed, the content of the model folder, the
    questions' and the task file's bytes, the names that the result carries and the digest of the
    evaluation's code.
    """
    parts = {
        "settings": dict(config),
        "seed": seed,
        "model": model_digest(model),
        "names": [model_name, benchmark],
        "data": data_sha256,
        "task": task_sha256,
        "code": code_digest,
    }
    return hashlib.sha256(canonical_json(parts).encode()).hexdigest()


def samples_path(output: Path) -> Path:
    """Return the file with all generations that belongs to a result's file."""
    return output.with_name(f"{output.stem}.samples.jsonl.gz")


def current_result(output: Path, key: str) -> dict[str, Any] | None:
    """Return the result at ``output`` if it has this key and its generations are intact."""
    samples = samples_path(output)
    if not output.is_file() or not samples.is_file():
        return None
    try:
        result = read_json(output)
    except ValueError:
        return None
    if not isinstance(result, dict) or result.get("key") != key:
        return None
    return result if result["samples_sha256"] == sha256_file(samples) else None


def write_samples(path: Path, records: Sequence[Mapping[str, Any]]) -> None:
    """Write one JSON line per question with all its generations; equal records, equal bytes."""
    with (
        atomic_path(path) as temporary,
        open(temporary, "wb") as raw,
        gzip.GzipFile(filename="", mode="wb", fileobj=raw, mtime=0) as stream,
    ):
        for record in records:
            stream.write(canonical_json(record).encode() + b"\n")


def summarise_records(records: Sequence[Mapping[str, Any]], settings: Settings) -> dict[str, Any]:
    """Return a result's numbers from its records (:func:`deepdistill.evaluation.harness.run_task`).

    k and questions (counts), mean and stderr of pass@1 (see :func:`mean_and_stderr`), stopped
    (share of generations that ended by themselves), mean_tokens (generated per response), states
    (how many responses are in each) and per_question (id, question, scores, states).
    """
    samples = [sample for record in records for sample in record["samples"]]
    mean, stderr = mean_and_stderr([[s["score"] for s in r["samples"]] for r in records])
    return {
        "k": settings.k,
        "questions": len(records),
        "mean": mean,
        "stderr": stderr,
        "stopped": fmean(sample["finished"] for sample in samples),
        "mean_tokens": fmean(sample["tokens"] for sample in samples),
        "states": dict(Counter(sample["state"] for sample in samples)),
        "settings": asdict(settings),
        "per_question": [
            {
                "id": record["id"],
                "question": record["question"],
                "scores": [sample["score"] for sample in record["samples"]],
                "states": [sample["state"] for sample in record["samples"]],
            }
            for record in records
        ],
    }
