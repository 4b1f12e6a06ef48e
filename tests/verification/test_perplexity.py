"""Perplexities of a small random model, against a computation by hand one text at a time."""

from __future__ import annotations

import math
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from deepdistill.artifacts import metrics_path
from deepdistill.errors import InputError
from deepdistill.files import canonical_json, read_json, write_json
from deepdistill.keys import query_id
from deepdistill.models import read_identity
from deepdistill.schemas import PERPLEXITIES, RESPONSES, SHARD
from deepdistill.tables import from_rows, read_artifact, write_artifact
from deepdistill.verification import perplexity
from deepdistill.verification.perplexity import PerplexityScorer, perplexity_shard

pytestmark = pytest.mark.slow

CONFIG: dict[str, Any] = {"max_length": 48, "batch_size": 2, "dtype": "float32"}
DIALOGUES = [
    [("user", "a+b=?")],
    [("system", "c"), ("user", "abc defg hij?")],
    [("user", "1"), ("assistant", "2"), ("user", "3?")],
    [("user", "9-8=?")],
    [("user", "0")],
]
CATEGORIES = ["math", "code", "other", "science", "instruction_following"]
ANSWERS = ["7", "a b c d e f g", "3.", "1-1+1", "j"]
TEXTS = [f"{d[-1][1]}\n\n{answer}" for d, answer in zip(DIALOGUES, ANSWERS, strict=True)]


@pytest.fixture(scope="module")
def model(build_model: Callable[..., Path]) -> Path:
    """A model whose weights are large enough for a leak between texts to show.

    Its tokenizer pads and cuts on the left, as those for generation do.
    """
    from transformers import AutoTokenizer

    folder = build_model(positions=64, initializer_range=0.3)
    AutoTokenizer.from_pretrained(
        folder, padding_side="left", truncation_side="left"
    ).save_pretrained(folder)
    assert AutoTokenizer.from_pretrained(folder).padding_side == "left"
    return folder


def place(i: int) -> str:
    return query_id(CATEGORIES[i], str(i))


def queries() -> pa.Table:
    rows = [
        {
            "query_id": place(i),
            "category": CATEGORIES[i],
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
            "thinking": "not scored",
            "answer": answer,
            "problem": None if answer else "unparsable",
        }
        for i, answer in given.items()
    ]
    return from_rows(RESPONSES, rows)


def run(
    folder: Path,
    model: Path,
    answers: dict[int, str | None] | None = None,
    digest: str = "m",
    **config: Any,
) -> tuple[dict[int, dict[str, Any]], int]:
    """Rows by number of the dialogue, and how many were computed."""
    output, metrics = folder / "00000-of-00001.parquet", folder / "metrics.json"
    write_json(folder / "model.json", {"path": str(model), "digest": digest})
    perplexity_shard(
        queries(),
        responses(answers or {}),
        read_identity(folder / "model.json"),
        {**CONFIG, **config},
        threads=1,
        output=output,
        metrics=metrics,
        repairs=3,
    )
    number = {place(i): i for i in range(len(DIALOGUES))}
    rows = {number[r["query_id"]]: r for r in read_artifact(output, PERPLEXITIES).to_pylist()}
    measured = read_json(metrics)
    assert measured["rows_kept"] + measured["rows_computed"] == len(rows)
    assert measured["repairs"] == 3
    return rows, measured["rows_computed"]


def by_hand(folder: Path, tokenizer: Any, text: str) -> float:
    """Perplexity of one text alone, a token at a time from the model's probabilities."""
    import torch
    from transformers import AutoModelForCausalLM

    language_model = AutoModelForCausalLM.from_pretrained(folder).eval()
    ids = tokenizer(text)["input_ids"]
    total = 0.0
    for position in range(1, len(ids)):
        with torch.no_grad():
            logits = language_model(torch.tensor([ids[:position]])).logits[0, -1].double()
        total -= math.log(float(torch.softmax(logits, dim=0)[ids[position]]))
    return math.exp(total / (len(ids) - 1))


def by_loss(folder: Path, tokenizer: Any, text: str) -> float:
    """Perplexity of one text alone from the loss that the model itself reports."""
    import torch
    from transformers import AutoModelForCausalLM

    ids = torch.tensor([tokenizer(text)["input_ids"]])
    with torch.no_grad():
        loss = AutoModelForCausalLM.from_pretrained(folder).eval()(ids, labels=ids).loss
    return math.exp(float(loss))


@pytest.mark.parametrize("batch_size", [1, 2, 5])
def test_perplexities_are_those_by_hand_whatever_the_batch(
    model: Path, tokenizer: Any, tmp_path: Path, batch_size: int
) -> None:
    rows, _ = run(tmp_path, model, batch_size=batch_size)
    assert len(rows) == len(TEXTS)  # every category
    for i, text in enumerate(TEXTS):
        assert rows[i]["tokens"] == len(text) - 1  # a token is a character here
        assert rows[i]["perplexity"] == pytest.approx(by_hand(model, tokenizer, text), rel=1e-5)
        assert rows[i]["perplexity"] == pytest.approx(by_loss(model, tokenizer, text), rel=1e-5)
        assert rows[i]["error"] is None


@pytest.mark.parametrize("size", [1, 7])
def test_slices_change_nothing(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    import torch

    config = {**CONFIG, "batch_size": 5}
    whole = PerplexityScorer(model, config, threads=1).perplexities(TEXTS)
    monkeypatch.setattr(perplexity, "SLICE", size)
    scorer = PerplexityScorer(model, config, threads=1)
    seen: list[torch.Size] = []
    head = scorer._model.get_output_embeddings()
    head.register_forward_hook(lambda module, states, logits: seen.append(logits.shape[:-1]))
    sliced = scorer.perplexities(TEXTS)
    assert max(shape.numel() for shape in seen) == size
    assert [n for _, n in sliced] == [n for _, n in whole]
    assert [p for p, _ in sliced] == pytest.approx([p for p, _ in whole], rel=1e-5)


@pytest.mark.parametrize("limit", [6, 10])
def test_of_a_long_text_the_first_tokens_count(
    model: Path, tokenizer: Any, tmp_path: Path, limit: int
) -> None:
    rows, _ = run(tmp_path, model, max_length=limit)
    for i, text in enumerate(TEXTS):
        assert rows[i]["tokens"] == min(len(text), limit) - 1
        expected = by_hand(model, tokenizer, text[:limit])
        assert rows[i]["perplexity"] == pytest.approx(expected, rel=1e-5)


def test_another_limit_costs_the_texts_that_it_cuts_or_no_longer_cuts(
    model: Path, tmp_path: Path
) -> None:
    lengths = [len(text) for text in TEXTS]
    for then, now in ((48, 10), (10, 48), (48, 60), (10, 8)):
        run(tmp_path, model, max_length=then)
        rows, computed = run(tmp_path, model, max_length=now)
        # One that has just as many tokens as the old limit may have been cut.
        assert computed == sum(length >= then or length > now for length in lengths)
        assert all(rows[i]["tokens"] == min(n, now) - 1 for i, n in enumerate(lengths))


def test_tokens_beyond_the_models_positions_do_not_count(model: Path, tmp_path: Path) -> None:
    rows, _ = run(tmp_path, model, answers={0: "1" * 100}, max_length=1000)
    assert rows[0]["tokens"] == 63


def test_the_first_token_of_a_text_is_scored_where_the_tokenizer_puts_one_before_it(
    model: Path, tmp_path: Path
) -> None:
    from tokenizers.processors import TemplateProcessing
    from transformers import AutoTokenizer

    folder = shutil.copytree(model, tmp_path / "model")
    tokenizer = AutoTokenizer.from_pretrained(folder)
    tokenizer.backend_tokenizer.post_processor = TemplateProcessing(
        single="<system> $A",
        special_tokens=[("<system>", tokenizer.convert_tokens_to_ids("<system>"))],
    )
    tokenizer.save_pretrained(folder)
    rows, _ = run(tmp_path, folder)
    assert [rows[i]["tokens"] for i in rows] == [len(TEXTS[i]) for i in rows]


def test_a_response_without_an_answer_has_no_perplexity(model: Path, tmp_path: Path) -> None:
    rows, _ = run(tmp_path, model, answers={1: None})
    assert set(rows) == {0, 2, 3, 4}


def test_a_row_is_computed_again_exactly_when_its_text_changes(model: Path, tmp_path: Path) -> None:
    first, computed = run(tmp_path, model)
    assert computed == len(TEXTS)
    gone = tmp_path / "gone"  # a job whose rows all hold does not look for the model
    assert run(tmp_path, gone) == (first, 0)
    assert run(tmp_path, gone, batch_size=1) == (first, 0)
    second, computed = run(tmp_path, model, answers={3: "8"})
    assert computed == 1
    assert {i for i in first if first[i] != second[i]} == {3}


@pytest.mark.parametrize("change", [{"digest": "another"}, {"dtype": "bfloat16"}])
def test_model_and_settings_are_part_of_the_key(
    model: Path, tmp_path: Path, change: dict[str, Any]
) -> None:
    run(tmp_path, model)
    assert run(tmp_path, model, **change)[1] == len(TEXTS)


def test_a_text_without_a_scored_token_has_an_error(model: Path, tmp_path: Path) -> None:
    rows, _ = run(tmp_path, model, max_length=1)
    assert {(r["perplexity"], r["tokens"]) for r in rows.values()} == {(None, 0)}
    assert all(r["error"].startswith("no token to score") for r in rows.values())
    # The same text would have the same error, so its row is kept as well.
    assert run(tmp_path, tmp_path / "gone", max_length=1) == (rows, 0)


@pytest.mark.parametrize("weight", [float("nan"), 1e30])
def test_a_perplexity_that_is_no_number_is_an_error(
    build_model: Callable[..., Path], tmp_path: Path, weight: float
) -> None:
    from transformers import AutoModelForCausalLM

    folder = build_model(positions=64, initializer_range=0.3)
    language_model = AutoModelForCausalLM.from_pretrained(folder)
    language_model.lm_head.weight.data[:] *= weight
    language_model.save_pretrained(folder)
    rows, _ = run(tmp_path, folder)
    assert {r["perplexity"] for r in rows.values()} == {None}
    assert all(r["error"].startswith("the perplexity is ") for r in rows.values())


def test_a_model_that_caps_its_logits_is_refused(tokenizer: Any, tmp_path: Path) -> None:
    import torch
    from transformers import Gemma2Config, Gemma2ForCausalLM

    torch.manual_seed(0)
    small = {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 1, "head_dim": 8}
    small |= {"num_attention_heads": 2, "num_key_value_heads": 2, "vocab_size": len(tokenizer)}
    capped = Gemma2Config(**small, final_logit_softcapping=1.0, initializer_range=0.5)
    Gemma2ForCausalLM(capped).save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)
    with pytest.raises(InputError, match="Gemma2ForCausalLM changes its output layer's logits"):
        PerplexityScorer(tmp_path, CONFIG, threads=1)


def test_a_model_without_a_trained_head_is_refused(model: Path, tmp_path: Path) -> None:
    from transformers import AutoTokenizer, Qwen3ForSequenceClassification

    Qwen3ForSequenceClassification.from_pretrained(model).save_pretrained(tmp_path)
    AutoTokenizer.from_pretrained(model).save_pretrained(tmp_path)
    with pytest.raises(InputError, match=r"weights lm_head\.weight are missing"):
        PerplexityScorer(tmp_path, CONFIG, threads=1)


def test_the_script_loads_no_torch_when_all_rows_hold(
    root: Path, model: Path, tmp_path: Path
) -> None:
    rows, _ = run(tmp_path, model)
    write_artifact(tmp_path / "queries.parquet", SHARD, queries())
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
    command = [sys.executable, "-X", "importtime", root / "scripts" / "measure_perplexity.py"]
    done = subprocess.run([*command, *options], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    imported = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert imported & {"deepdistill", "torch", "transformers"} == {"deepdistill"}
    measured = read_json(metrics_path(arguments["output"]))
    assert (measured["rows_kept"], measured["rows_computed"]) == (len(rows), 0)
    assert measured["repairs"] == 2
