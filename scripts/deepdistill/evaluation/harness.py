"""One benchmark through lm-eval's own Python API, on local data, sampled and verified by us."""

from __future__ import annotations

import json
import tempfile
from functools import partial
from pathlib import Path
from typing import Any

import lm_eval
from lm_eval.tasks import TaskManager
from transformers import set_seed

from deepdistill.errors import InputError
from deepdistill.evaluation.sampler import Sampler
from deepdistill.evaluation.scoring import score_responses
from deepdistill.evaluation.settings import Settings


def run_task(
    task_file: Path,
    questions: list[dict[str, Any]],
    model_folder: Path,
    settings: Settings,
    seed: int,
    workers: int,
) -> list[dict[str, Any]]:
    """Sample and score every question and return one record per question, in order.

    A record has id, question, reference, prompt (as rendered) and ``samples``: for each response
    its text and the fields of :class:`deepdistill.evaluation.scoring.Scored`.
    """
    name = task_file.stem
    manager = TaskManager(include_path=str(task_file.parent), include_defaults=False)
    if name not in manager.all_subtasks:
        found = ", ".join(manager.all_subtasks) or "none"
        raise InputError(f"{task_file}: no lm-eval task of that name; found: {found}")
    sampler = Sampler(model_folder, settings.batch_size)
    with tempfile.TemporaryDirectory(prefix="benchmark-") as folder:
        member = {"task": name, **_overrides(questions, Path(folder), settings, workers)}
        # Only as a member of a group may a task of the index have parts replaced.
        tasks = manager.load([{"group": "benchmark", "task": [member]}])
        tasks["tasks"][name].set_fewshot_seed(seed)
        set_seed(seed)
        # simple_evaluate would do the same and run git and pip to describe the machine.
        results = lm_eval.evaluate(
            lm=sampler,
            task_dict=tasks,
            apply_chat_template=True,
            system_instruction=settings.system_prompt,
            bootstrap_iters=0,
        )
    samples = sorted(results["samples"][name], key=lambda sample: sample["doc_id"])
    return [_record(sample) for sample in samples]


def _overrides(
    questions: list[dict[str, Any]], folder: Path, settings: Settings, workers: int
) -> dict[str, Any]:
    """The parts of a task file that a run replaces: data, sampling, the verifier's processes."""
    data = folder / "questions.jsonl"
    with open(data, "w", encoding="utf-8") as stream:
        stream.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in questions)
    verify = {
        "function": "custom",
        "filter_fn": partial(score_responses, settings=settings.verification, workers=workers),
    }
    return {
        "dataset_kwargs": {"data_files": {"test": str(data)}, "cache_dir": str(folder / "cache")},
        "repeats": settings.k,
        "generation_kwargs": _generation_kwargs(settings),
        "filter_list": [{"name": "verified", "filter": [verify]}],
    }


def _generation_kwargs(settings: Settings) -> dict[str, Any]:
    """Sampling in lm-eval's words; top_k is off, since transformers' default would be 50."""
    sampling: dict[str, Any] = {"do_sample": False}
    if settings.temperature > 0:
        sampling = {
            "do_sample": True,
            "temperature": settings.temperature,
            "top_p": settings.top_p,
            "top_k": 0,
        }
    return {**sampling, "max_gen_toks": settings.max_new_tokens, "until": []}


def _record(sample: dict[str, Any]) -> dict[str, Any]:
    doc = sample["doc"]
    (responses,), (scored,) = sample["resps"], sample["filtered_resps"]
    return {
        "id": doc["id"],
        "question": doc["question"],
        "reference": doc["reference"],
        "prompt": sample["arguments"][0][0],
        "samples": [
            {"response": str(response), **score}
            for response, score in zip(responses, scored, strict=True)
        ],
    }
