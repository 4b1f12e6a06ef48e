"""Rewards of a small random model, against what the model says of one dialogue at a time."""

from __future__ import annotations

import copy
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from deepdistill.artifacts import metrics_path
from deepdistill.errors import InputError
from deepdistill.files import canonical_json, read_json, write_json
from deepdistill.keys import query_id
from deepdistill.models import read_identity
from deepdistill.schemas import RESPONSES, REWARDS, SHARD
from deepdistill.tables import from_rows, read_artifact, write_artifact
from deepdistill.verification.reward import RewardScorer, reward, reward_shard

pytestmark = pytest.mark.slow

LABELS = ["helpfulness", "correctness", "coherence", "complexity", "verbosity"]
CONFIG: dict[str, Any] = {
    "attributes": ["coherence", "correctness", "helpfulness"],
    "scale": 4,
    "categories": ["other"],
    "max_length": 40,
    "batch_size": 4,
    "dtype": "float32",
}
DIALOGUES = [
    [("user", "a+b=?")],
    [("system", "c"), ("user", "abc defg hij?")],
    [("user", "1"), ("assistant", "2"), ("user", "3?")],
    [("user", "9-8=?")],
    [("user", "0")],
]
ANSWERS = ["7", "a b c d e f g", "3.", "1-1+1", "j"]
PAD, EOS = 0, 1


@pytest.fixture(scope="module")
def build_reward_model(tokenizer: Any, tmp_path_factory: Any) -> Callable[..., Path]:
    from tokenizers.processors import TemplateProcessing

    # It opens every text with <system>, which a dialogue must not get besides its template's turns.
    opening = copy.deepcopy(tokenizer)
    opening.backend_tokenizer.post_processor = TemplateProcessing(
        single="<system> $A",
        special_tokens=[("<system>", tokenizer.convert_tokens_to_ids("<system>"))],
    )
    assert len(opening("a")["input_ids"]) == 2

    def build(change: Callable[[Any], None] = lambda model: None, **config: Any) -> Path:
        import torch
        from transformers import Qwen3Config, Qwen3ForSequenceClassification

        torch.manual_seed(0)
        settings: dict[str, Any] = {
            "vocab_size": len(tokenizer),
            "hidden_size": 16,
            "intermediate_size": 32,
            "num_hidden_layers": 2,
            "num_attention_heads": 2,
            "num_key_value_heads": 2,
            "head_dim": 8,
            "max_position_embeddings": 64,
            "initializer_range": 0.3,
            "pad_token_id": PAD,
            "eos_token_id": EOS,
            "bos_token_id": None,
            "id2label": dict(enumerate(LABELS)),
            "label2id": {label: i for i, label in enumerate(LABELS)},
        }
        model = Qwen3ForSequenceClassification(Qwen3Config(**settings | config))
        change(model)
        folder = tmp_path_factory.mktemp("reward")
        model.save_pretrained(folder)
        opening.save_pretrained(folder)
        return folder

    return build


@pytest.fixture(scope="module")
def model(build_reward_model: Callable[..., Path]) -> Path:
    return build_reward_model()


def identity(folder: Path, path: Path, digest: str = "m") -> Path:
    write_json(path, {"path": str(folder), "digest": digest})
    return path


def place(i: int) -> str:
    return query_id("other", str(i))


def queries(categories: dict[int, str]) -> pa.Table:
    rows = [
        {
            "query_id": place(i),
            "category": categories.get(i, "other"),
            "source": "s",
            "source_line": i + 1,
            "messages": [{"role": r, "content": c} for r, c in dialogue],
            "reference": None,
        }
        for i, dialogue in enumerate(DIALOGUES)
    ]
    return from_rows(SHARD, rows)


def responses(answers: dict[int, str | None]) -> pa.Table:
    given = {**dict(enumerate(ANSWERS)), **answers}
    rows = [
        {
            "query_id": place(i),
            "pass": 1,
            "thinking": "never shown to the reward model",
            "answer": answer,
            "problem": None if answer else "truncated",
        }
        for i, answer in given.items()
    ]
    return from_rows(RESPONSES, rows)


def run(
    folder: Path,
    model: Path,
    answers: dict[int, str | None] | None = None,
    categories: dict[int, str] | None = None,
    digest: str = "m",
    **config: Any,
) -> tuple[dict[int, dict[str, Any]], int]:
    """Rows by number of the dialogue, and how many were computed."""
    output, metrics = folder / "00000-of-00001.parquet", folder / "metrics.json"
    reward_shard(
        queries(categories or {}),
        responses(answers or {}),
        read_identity(identity(model, folder / "model.json", digest)),
        {**CONFIG, **config},
        threads=1,
        output=output,
        metrics=metrics,
        repairs=3,
    )
    number = {place(i): i for i in range(len(DIALOGUES))}
    rows = {number[r["query_id"]]: r for r in read_artifact(output, REWARDS).to_pylist()}
    measured = read_json(metrics)
    assert measured["rows_kept"] + measured["rows_computed"] == len(rows)
    assert measured["repairs"] == 3
    return rows, measured["rows_computed"]


def one_at_a_time(folder: Path, tokenizer: Any) -> list[dict[str, float]]:
    """What the model itself says of each dialogue, alone and without padding."""
    import torch
    from transformers import AutoModelForSequenceClassification

    classifier = AutoModelForSequenceClassification.from_pretrained(folder).eval()
    found = []
    for dialogue, answer in zip(DIALOGUES, ANSWERS, strict=True):
        roles = {"system": "<system>{}", "user": "<user>{}", "assistant": "<assistant>{}<eos>"}
        text = "".join(roles[r].format(c) for r, c in [*dialogue, ("assistant", answer)])
        with torch.no_grad():
            logits = classifier(torch.tensor([tokenizer(text)["input_ids"]])).logits[0]
        found.append(dict(zip(LABELS, logits.tolist(), strict=True)))
    return found


def test_the_papers_formula_on_recorded_logits() -> None:
    assert reward([3.10, 2.95, 3.02], 4) == pytest.approx((3.10 + 2.95 + 3.02) / 12)
    assert reward([4.31, -0.02, 2.0], 4) == pytest.approx((4 + 0 + 2) / 12)


@given(st.lists(st.floats(-20, 20), min_size=1, max_size=5), st.floats(0.5, 10))
def test_a_reward_is_a_share_of_the_scale(values: list[float], scale: float) -> None:
    assert 0 <= reward(values, scale) <= 1 + 1e-12
    assert reward(values[::-1], scale) == pytest.approx(reward(values, scale))
    assert reward([scale] * len(values), scale) == pytest.approx(1)
    assert reward([v + 1 for v in values], scale) >= reward(values, scale) - 1e-12


# None: a model without padding; EOS: one whose padding is also the last token of each dialogue.
@pytest.mark.parametrize("pad", [PAD, None, EOS])
@pytest.mark.parametrize("batch_size", [1, 2, 5])
def test_values_are_the_models_own_whatever_the_batch(
    build_reward_model: Callable[..., Path],
    tokenizer: Any,
    tmp_path: Path,
    pad: int | None,
    batch_size: int,
) -> None:
    folder = build_reward_model(pad_token_id=pad)
    expected = one_at_a_time(folder, tokenizer)
    assert len({round(values["coherence"], 3) for values in expected}) == len(DIALOGUES)
    rows, _ = run(tmp_path, folder, batch_size=batch_size)
    for i, values in enumerate(expected):
        clipped = {name: min(max(values[name], 0), 4) for name in CONFIG["attributes"]}
        assert rows[i]["score"] == pytest.approx(sum(clipped.values()) / 12, abs=1e-5)
        shown = dict(part.split(" ") for part in rows[i]["detail"].split(", "))
        assert list(shown) == CONFIG["attributes"]
        assert {n: float(v) for n, v in shown.items()} == pytest.approx(clipped, abs=0.0051)
        assert rows[i]["error"] is None


def test_only_answers_of_its_categories_have_a_reward(model: Path, tmp_path: Path) -> None:
    rows, _ = run(tmp_path, model, answers={1: None}, categories={2: "math", 3: "science"})
    assert set(rows) == {0, 4}
    rows, computed = run(tmp_path, model, {1: None}, {2: "math"})
    assert (set(rows), computed) == ({0, 3, 4}, 1)


def test_a_row_is_computed_again_exactly_when_its_dialogue_changes(
    model: Path, tmp_path: Path
) -> None:
    first, computed = run(tmp_path, model)
    assert computed == len(DIALOGUES)
    gone = tmp_path / "gone"  # a job whose rows all hold does not look for the model
    assert run(tmp_path, gone) == (first, 0)
    assert run(tmp_path, gone, batch_size=1) == (first, 0)
    second, computed = run(tmp_path, model, answers={3: "8"})
    assert computed == 1
    assert {i for i in first if first[i] != second[i]} == {3}


@pytest.mark.parametrize(
    "change",
    [
        {"digest": "another"},
        {"attributes": ["coherence"]},
        {"scale": 5},
        {"dtype": "bfloat16"},
    ],
)
def test_model_and_settings_are_part_of_the_key(
    model: Path, tmp_path: Path, change: dict[str, Any]
) -> None:
    run(tmp_path, model)
    assert run(tmp_path, model, **change)[1] == len(DIALOGUES)


def test_a_dialogue_beyond_the_limit_has_an_error_and_no_score(model: Path, tmp_path: Path) -> None:
    rows, _ = run(tmp_path, model, answers={0: "1" * 70}, max_length=20)
    # <user>, the question, <assistant>, the answer, <eos>
    assert rows[0]["error"] == f"the dialogue has {1 + 5 + 1 + 70 + 1} tokens, allowed: 20"
    assert rows[0]["score"] is rows[0]["detail"] is None
    assert rows[3]["score"] is not None
    # A limit beyond the model's positions is not the model's.
    rows, _ = run(tmp_path, model, answers={0: "1" * 70}, max_length=1000)
    assert rows[0]["error"] == "the dialogue has 78 tokens, allowed: 64"
    # Only what the limit decides is computed again: 78 tokens are within both of these,
    again, computed = run(tmp_path, model, answers={0: "1" * 70}, max_length=900)
    assert computed == 0
    assert {row["max_length"] for row in again.values()} == {900}
    # and beyond the next.
    assert run(tmp_path, model, answers={0: "1" * 70}, max_length=70)[1] == 1
    run(tmp_path, model, answers={0: "1" * 70}, max_length=1000)
    # The same dialogue would have the same error, so its row is kept as well.
    assert run(tmp_path, tmp_path / "gone", answers={0: "1" * 70}, max_length=1000)[1] == 0


def test_a_dialogue_that_the_chat_template_refuses_has_an_error(
    build_reward_model: Callable[..., Path], tmp_path: Path
) -> None:
    folder = build_reward_model()
    template = folder / "chat_template.jinja"
    check = (
        "{% if messages[0]['role'] == 'system' %}{{ raise_exception('no system turn') }}{% endif %}"
    )
    template.write_text(check + template.read_text())
    rows, _ = run(tmp_path, folder)
    assert rows[1]["error"] == "chat template: no system turn"
    assert [i for i in rows if rows[i]["score"] is None] == [1]


def test_values_that_are_no_numbers_are_an_error(
    build_reward_model: Callable[..., Path], tmp_path: Path
) -> None:
    def spoil(model: Any) -> None:
        model.score.weight.data[LABELS.index("correctness")] = float("nan")

    rows, _ = run(tmp_path, build_reward_model(spoil))
    assert all(row["score"] is None and "correctness nan" in row["error"] for row in rows.values())


def test_a_model_without_the_label_is_refused(model: Path) -> None:
    with pytest.raises(InputError) as error:
        RewardScorer(model, {**CONFIG, "attributes": ["coherence", "charm"]}, threads=1)
    assert str(error.value) == f"{model}: no label charm; its labels: {', '.join(LABELS)}"


def test_a_model_without_a_trained_head_or_template_is_refused(
    build_model: Callable[..., Path], build_reward_model: Callable[..., Path]
) -> None:
    labels = {"id2label": dict(enumerate(LABELS)), "num_labels": len(LABELS)}
    folder = build_model(positions=64, **labels)
    with pytest.raises(InputError, match=r"weights score\.weight are missing"):
        RewardScorer(folder, CONFIG, threads=1)
    folder = build_reward_model()
    (folder / "chat_template.jinja").unlink()
    with pytest.raises(InputError, match="no chat template"):
        RewardScorer(folder, CONFIG, threads=1)


def test_the_script_loads_no_torch_when_all_rows_hold(
    root: Path, model: Path, tmp_path: Path
) -> None:
    rows, _ = run(tmp_path, model)
    write_artifact(tmp_path / "queries.parquet", SHARD, queries({}))
    write_artifact(tmp_path / "responses.parquet", RESPONSES, responses({}))
    arguments = {
        "queries": tmp_path / "queries.parquet",
        "responses": tmp_path / "responses.parquet",
        "model": tmp_path / "model.json",
        "config": canonical_json(CONFIG),
        "threads": 1,
        "repairs": 2,
        "output": tmp_path / "00000-of-00001.parquet",
    }
    options = [str(part) for name, value in arguments.items() for part in (f"--{name}", value)]
    command = [sys.executable, "-X", "importtime", root / "scripts" / "reward_responses.py"]
    done = subprocess.run([*command, *options], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    imported = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert imported & {"deepdistill", "torch", "transformers"} == {"deepdistill"}
    measured = read_json(metrics_path(arguments["output"]))
    assert (measured["rows_kept"], measured["rows_computed"]) == (len(rows), 0)
    assert measured["repairs"] == 2
