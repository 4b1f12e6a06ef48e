"""From a model folder and a benchmark to a result, unless the result is there already."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from deepdistill.errors import InputError
from deepdistill.evaluation.questions import read_questions
from deepdistill.evaluation.result import (
    current_result,
    evaluation_key,
    samples_path,
    summarise_records,
    write_samples,
)
from deepdistill.evaluation.settings import Settings
from deepdistill.files import sha256_file, write_json
from deepdistill.models import require_model_folder

logger = logging.getLogger(__name__)


def evaluate_model(
    config: Mapping[str, Any],
    seed: int,
    model: str | Path,
    model_name: str,
    benchmark: str,
    data: str | Path,
    task: str | Path,
    output: str | Path,
    code_digest: str,
    workers: int = 1,
) -> dict[str, Any]:
    """Make the result ``output`` unless it is current, and return it.

    ``config`` is the slice that :class:`Settings` describes, ``model`` a model folder, ``data``
    JSON lines with question and answer, ``task`` an lm-eval task file named like its task.
    The result has key, model, benchmark, samples_sha256 and what :func:`summarise_records` says;
    all generations are in ``<output's stem>.samples.jsonl.gz`` beside it.

    Raises :class:`InputError` for a bad setting, model, question, reference or task file, and for
    a prompt that leaves no room for the answer.
    """
    output, task = Path(output), Path(task)
    settings = Settings.from_config(config)
    model = require_model_folder(model)
    questions = read_questions(data)
    if not task.is_file():
        raise InputError(f"{task}: no such file; expected an lm-eval task")
    key = evaluation_key(
        config,
        seed,
        model,
        model_name,
        benchmark,
        sha256_file(data),
        sha256_file(task),
        code_digest,
    )
    result = current_result(output, key)
    if result is not None:
        logger.info("result is current: %s", output)
        samples_path(output).touch()  # Snakemake wants outputs to be newer than inputs
        write_json(output, result)
        return result

    from deepdistill.evaluation.harness import run_task

    records = run_task(task, questions, model, settings, seed, workers)
    write_samples(samples_path(output), records)
    result = {
        "key": key,
        "model": model_name,
        "benchmark": benchmark,
        "samples_sha256": sha256_file(samples_path(output)),
        **summarise_records(records, settings),
    }
    write_json(output, result)
    logger.info("%s on %s: pass@1 %.3f", model_name, benchmark, result["mean"])
    return result
