"""Whole evaluations of a random model through lm-eval, which alone takes seconds to import."""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from deepdistill.errors import InputError
from deepdistill.evaluation.result import samples_path
from deepdistill.evaluation.run import evaluate_model

ROOT = Path(__file__).parents[2]
TASKS = ROOT / "config" / "tasks"

pytestmark = pytest.mark.slow

QUESTIONS = [{"question": f"{a}+{'1' * a}=?", "answer": str(a + int("1" * a))} for a in range(1, 6)]


@pytest.fixture
def evaluate(model: Path, tmp_path: Path, write_questions):
    def run(settings, name: str = "result", seed: int = 0, task: str = "demo_arithmetic"):
        data = write_questions(*QUESTIONS)
        output = tmp_path / f"{name}.json"
        task_file = TASKS / f"{task}.yaml"
        return evaluate_model(settings, seed, model, "m", "b", data, task_file, output, "code")

    return run


def generations(tmp_path: Path, name: str = "result") -> list[dict]:
    with gzip.open(samples_path(tmp_path / f"{name}.json"), "rt") as stream:
        return [json.loads(line) for line in stream]


def test_k_responses_per_question_are_kept_in_order(evaluate, settings, tmp_path):
    result = evaluate(settings)
    records = generations(tmp_path)
    assert [r["prompt"] for r in records] == [
        f"<user>{q['question']}<assistant>" for q in QUESTIONS
    ]
    assert [r["reference"] for r in records] == [q["answer"] for q in QUESTIONS]
    assert [p["id"] for p in result["per_question"]] == ["1", "2", "3", "4", "5"]
    assert all(len(r["samples"]) == 3 for r in records)
    samples = [s for r in records for s in r["samples"]]
    assert len({s["response"] for s in samples}) > 10  # sampled, not greedy
    assert {(s["tokens"] == 24 and not s["finished"]) or s["finished"] for s in samples} == {True}
    assert 0 < result["stopped"] < 1
    assert all((s["state"] == "truncated") == (not s["finished"]) for s in samples)


def test_the_seed_decides_and_nothing_else(evaluate, settings, tmp_path):
    for name, seed in (("first", 1), ("again", 1), ("other", 2)):
        evaluate(settings, name, seed)
    assert generations(tmp_path, "first") == generations(tmp_path, "again")
    assert generations(tmp_path, "first") != generations(tmp_path, "other")


def test_greedy_responses_do_not_depend_on_the_batch(evaluate, settings, tmp_path):
    """Left padding and its mask are right when neighbours in a batch change nothing."""
    greedy = {**settings, "temperature": 0, "k": 1}
    evaluate({**greedy, "batch_size": 1}, "alone")
    evaluate({**greedy, "batch_size": 5}, "together")
    assert [r["samples"] for r in generations(tmp_path, "alone")] == [
        r["samples"] for r in generations(tmp_path, "together")
    ]


def test_a_system_prompt_is_rendered(evaluate, settings, tmp_path):
    evaluate({**settings, "system_prompt": "abc", "k": 1})
    assert generations(tmp_path)[0]["prompt"] == "<system>abc<user>1+1=?<assistant>"


def test_gsm8k_task_asks_for_a_boxed_answer(model, settings, tmp_path, write_questions):
    data = write_questions({"question": "1", "answer": "1+1=<<1+1=2>>2\n#### 2"})
    with pytest.raises(InputError, match=r"prompt has \d+ tokens .* allowed by the model: 48"):
        evaluate_model(
            settings, 0, model, "m", "b", data, TASKS / "gsm8k.yaml", tmp_path / "r.json", "code"
        )


def test_a_current_result_ends_at_once_without_torch(evaluate, settings, tmp_path, model):
    result = evaluate(settings)
    outputs = [tmp_path / "result.json", samples_path(tmp_path / "result.json")]
    for path in outputs:
        os.utime(path, (0, 0))
    arguments = [
        *("--config", json.dumps(settings), "--code-digest", "code", "--seed", "0"),
        *("--model", str(model), "--model-name", "m", "--benchmark", "b"),
        *("--data", str(tmp_path / "questions.jsonl")),
        *("--task", str(TASKS / "demo_arithmetic.yaml")),
        *("--output", str(tmp_path / "result.json")),
    ]
    program = (
        "import sys\n"
        f"sys.path.insert(0, {str(ROOT / 'scripts')!r})\n"
        "import evaluate\n"
        f"evaluate.main({arguments!r})\n"
        "print('torch' in sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout.strip() == "False", done.stderr
    assert json.loads((tmp_path / "result.json").read_text()) == result
    assert all(path.stat().st_mtime > 0 for path in outputs)


def test_a_task_file_must_hold_the_task_of_its_name(model, settings, tmp_path, write_questions):
    (tmp_path / "mine.yaml").write_text("task: another\n")
    data, output = write_questions(QUESTIONS[0]), tmp_path / "r.json"
    with pytest.raises(InputError, match=r"mine\.yaml: no lm-eval task of that name; found: anoth"):
        evaluate_model(settings, 0, model, "m", "b", data, tmp_path / "mine.yaml", output, "code")
    with pytest.raises(InputError, match="no such file; expected an lm-eval task"):
        evaluate_model(settings, 0, model, "m", "b", data, tmp_path / "no.yaml", output, "code")
