"""vLLM and transformers measure the same of a model that is sometimes right."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from typing import Any

import pytest

from deepdistill.evaluation.run import evaluate_model
from deepdistill.evaluation.settings import Settings
from deepdistill.files import write_json
from deepdistill.models import model_identity, read_identity
from deepdistill.responses.backends.choice import backend_opener
from deepdistill.schemas import GENERATIONS
from deepdistill.tables import read_artifact

ROOT = Path(__file__).parents[2]

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(importlib.util.find_spec("vllm") is None, reason="vLLM is not installed"),
]

QUESTIONS = [(f"Compute {a}+{b}.", a + b) for a in (1, 2, 3, 4) for b in (1, 2, 3)]
K = 24
ENGINE = {"enforce_eager": True, "gpu_memory_utilization": 0.1, "max_num_seqs": 32}
SETTINGS = {"k": K, "temperature": 1.0, "top_p": 1.0, "max_new_tokens": 24, "batch_size": 96}


@pytest.fixture(scope="module")
def guesser(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that has learned four responses to each question by heart.

    They are the right answer, the next two numbers, and one that does not end.
    """
    import torch

    from deepdistill.demo.models import build_model, save_model_folder
    from deepdistill.demo.tokenizer import EOS, build_tokenizer

    tokenizer, model = build_tokenizer(), build_model(64, 1, seed=1)
    rows = []
    for question, answer in QUESTIONS:
        turn = [{"role": "user", "content": question}]
        prompt = tokenizer.apply_chat_template(turn, add_generation_prompt=True, tokenize=False)
        answers = [f"<answer>\\boxed{{{n}}}</answer>" for n in range(answer, answer + 3)]
        for text in (*answers, "1" * 40):
            ids = [*tokenizer(f"{prompt}<think>1</think>{text}").input_ids, EOS]
            start = len(tokenizer(prompt).input_ids)
            rows.append((ids, [-100] * start + ids[start:]))
    width = max(len(ids) for ids, _ in rows)
    ids = torch.tensor([ids + [EOS] * (width - len(ids)) for ids, _ in rows])
    labels = torch.tensor([labels + [-100] * (width - len(labels)) for _, labels in rows])
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
    for _ in range(120):
        optimizer.zero_grad()
        model(input_ids=ids, labels=labels).loss.backward()
        optimizer.step()
    folder = tmp_path_factory.mktemp("guesser")
    save_model_folder(model, folder / "model", {})
    write_json(folder / "model.json", model_identity(str(folder / "model")))
    return folder / "model.json"


def evaluated(folder: Path, identity_file: Path, **changed: Any) -> dict[str, Any]:
    settings = Settings.from_config({**SETTINGS, "dtype": "float32", **changed})
    identity = read_identity(identity_file)
    data = folder / "questions.jsonl"
    rows = [{"question": question, "answer": str(answer)} for question, answer in QUESTIONS]
    data.write_text("".join(json.dumps(row) + "\n" for row in rows))
    name = settings.backend
    result = evaluate_model(
        settings=settings,
        seed=1,
        model=identity.digest,
        make_backend=backend_opener(settings.sampling(1), identity, 2),
        model_name="guesser",
        benchmark="sums",
        data=data,
        task=ROOT / "config/tasks/demo_arithmetic.yaml",
        matched={},
        output=folder / f"{name}.json",
        generations=folder / f"{name}.parquet",
        code_digest="code",
        metrics=folder / f"{name}.metrics.json",
    )
    made = read_artifact(folder / f"{name}.digest.json", GENERATIONS).to_pylist()
    return {**result, "prompts": {row["query_id"]: row["tokens_in"] for row in made}}


def sampling_error(*results: dict[str, Any]) -> float:
    """Standard error of the difference of means over the same questions: of the draws alone."""
    variance = 0.0
    for result in results:
        for asked in result["per_question"]:
            share = sum(asked["scores"]) / K
            variance += share * (1 - share) / (K - 1)
    return float(variance**0.5 / len(QUESTIONS))


@pytest.mark.usefixtures("engines_end")
def test_both_backends_measure_the_same_within_sampling_error(
    guesser: Path, tmp_path: Path
) -> None:
    ours = evaluated(tmp_path, guesser, backend="vllm", engine=ENGINE)
    theirs = evaluated(tmp_path, guesser, backend="transformers")
    assert ours["prompts"] == theirs["prompts"]
    assert [q["id"] for q in ours["per_question"]] == [q["id"] for q in theirs["per_question"]]
    error = sampling_error(ours, theirs)
    assert 0.1 < theirs["mean"] < 0.5
    assert abs(ours["mean"] - theirs["mean"]) < 4 * error
    # A share of all samples, whose error is at most that of a coin.
    assert abs(ours["stopped"] - theirs["stopped"]) < 4 * (0.5 / (K * len(QUESTIONS))) ** 0.5
    assert ours["states"].keys() & theirs["states"].keys() >= {"passed", "failed", "truncated"}
