from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from deepdistill.files import read_json
from deepdistill.keys import query_id
from deepdistill.responses.backends.backend import Completion, Request
from deepdistill.responses.generate import generate_shard
from deepdistill.responses.prompts import Prompt, read_prompt
from deepdistill.schemas import CATEGORIES, RESPONSES, SHARD
from deepdistill.tables import from_rows, read_artifact

CONFIG = {
    "backend": "transformers",
    "dtype": "float32",
    "passes": 2,
    "temperature": 0.6,
    "top_p": 0.95,
    "seed": 1,
    "max_tokens": 10,
    "attempts": 3,
    "engine": {},
    "format": "think",
}
PROMPT_TOKENS = 1
PROMPT = Prompt(None, dict.fromkeys(CATEGORIES, "{question}"))


class Recorder:
    """A backend that answers with the question, long ones cut, and may die half-way."""

    def __init__(self, limit: int, dies_after: int | None = None) -> None:
        self.asked: list[Request] = []
        self._limit = limit
        self._dies_after = dies_after

    def complete(self, requests: Sequence[Request]) -> Iterator[list[Completion]]:
        for request in requests:
            if len(self.asked) == self._dies_after:
                raise KeyboardInterrupt
            self.asked.append(request)
            text = request.messages[-1]["content"]
            cut = len(text) > self._limit
            reason, size = ("length", self._limit) if cut else ("stop", len(text))
            yield [Completion(request, f"<think>t</think>{text}", reason, PROMPT_TOKENS, size)]


def queries(*texts: str) -> pa.Table:
    rows = [
        {
            "query_id": query_id("math", text),
            "category": "math",
            "source": "s",
            "source_line": i,
            "messages": [{"role": "user", "content": text}],
            "reference": "1",
        }
        for i, text in enumerate(texts)
    ]
    return from_rows(SHARD, rows).sort_by("query_id")


def run(
    folder: Path,
    table: pa.Table,
    prompt: Prompt = PROMPT,
    model: str = "m",
    shard: str = "00000-of-00001",
    dies_after: int | None = None,
    **config: Any,
) -> list[Request]:
    settings = {**CONFIG, **config}
    context = settings["engine"].get("max_model_len", 1000)
    backend = Recorder(min(settings["max_tokens"], context - PROMPT_TOKENS), dies_after)
    output, metrics = folder / f"{shard}.parquet", folder / f"{shard}.metrics.json"
    try:
        generate_shard(table, prompt, model, lambda: backend, settings, output, metrics)
    except KeyboardInterrupt:
        return backend.asked
    assert read_json(metrics)["rows_computed"] == len(backend.asked)
    assert len(read_artifact(output, RESPONSES)) == len(table) * settings["passes"]
    return backend.asked


SHORT, LONG = "1+1", "1+1+1+1+1+1+1"


@pytest.fixture
def done(tmp_path: Path) -> Path:
    assert len(run(tmp_path, queries(SHORT, LONG))) == 4
    return tmp_path


@pytest.mark.parametrize(
    ("change", "computed"),
    [
        ({}, 0),
        ({"passes": 3}, 2),
        ({"passes": 1}, 0),
        ({"temperature": 0.7}, 4),
        ({"dtype": "bfloat16"}, 4),
        ({"seed": 2}, 4),
        ({"model": "m2"}, 4),
        ({"max_tokens": 20}, 2),  # the rows that were cut
        ({"max_tokens": 5}, 2),  # those that were cut at another limit
        ({"max_tokens": 2}, 4),
        ({"batch_size": 7}, 0),
        ({"format": "plain"}, 0),
        ({"prompt": Prompt("Think.", PROMPT.templates)}, 4),
        ({"prompt": Prompt(None, {**PROMPT.templates, "code": "Program: {question}"})}, 0),
    ],
)
def test_only_the_rows_that_a_change_affects_are_generated(
    done: Path, change: dict[str, Any], computed: int
) -> None:
    assert len(run(done, queries(SHORT, LONG), **change)) == computed


@pytest.mark.parametrize(
    ("engine", "computed"),
    [
        ({"max_model_len": 9}, 0),
        ({"max_model_len": 12}, 2),  # the rows that the context cut
        ({"max_model_len": 8}, 2),
        ({}, 0),
        ({"max_model_len": 9, "tensor_parallel_size": 2, "max_num_seqs": 8}, 0),
        ({"max_model_len": 9, "quantization": "fp8"}, 4),
    ],
)
def test_only_the_rows_that_an_engine_argument_affects_are_generated(
    tmp_path: Path, engine: dict[str, Any], computed: int
) -> None:
    table, config = queries(SHORT, LONG), {"backend": "vllm", "max_tokens": 20}
    assert len(run(tmp_path, table, engine={"max_model_len": 9}, **config)) == 4
    assert len(run(tmp_path, table, engine=engine, **config)) == computed


def test_a_row_that_max_tokens_cut_depends_on_no_context(tmp_path: Path) -> None:
    table, contexts = queries(SHORT, LONG), ({"max_model_len": 100}, {"max_model_len": 50}, {})
    asked = [len(run(tmp_path, table, backend="vllm", engine=engine)) for engine in contexts]
    assert asked == [4, 0, 0]


def test_a_new_query_costs_its_own_rows_and_a_removed_one_nothing(done: Path) -> None:
    assert len(run(done, queries(SHORT, LONG, "2+2"))) == 2
    assert run(done, queries("2+2")) == []


def test_a_corrupt_shard_is_made_again(done: Path, caplog: pytest.LogCaptureFixture) -> None:
    (done / "00000-of-00001.parquet").write_bytes(b"PAR1 nothing")
    assert len(run(done, queries(SHORT, LONG))) == 4
    assert "its size is not what" in caplog.text


def test_a_killed_job_goes_on_from_its_finished_rows(tmp_path: Path) -> None:
    table = queries(SHORT, LONG)
    first = run(tmp_path, table, dies_after=3)
    second = run(tmp_path, table)
    places = [(r.query_id, r.pass_number) for r in first + second]
    assert len(first) == 3
    assert len(set(places)) == len(places) == 4
    assert not list(tmp_path.glob("*.parts"))


def test_another_number_of_shards_moves_rows_without_generating_them(done: Path) -> None:
    table = queries(SHORT, LONG)
    for index in range(2):
        mask = [int(q[0], 16) >> 3 == index for q in table["query_id"].to_pylist()]
        assert run(done, table.filter(pa.array(mask)), shard=f"{index:05}-of-00002") == []


def test_an_empty_shard_gives_an_empty_artifact(tmp_path: Path) -> None:
    assert run(tmp_path, queries()) == []


def test_a_prompt_without_the_question_is_named(tmp_path: Path) -> None:
    path = tmp_path / "p.yaml"
    lines = "".join(f"  {c}: '{{question}}'\n" for c in CATEGORIES if c != "code")
    path.write_text(f"system: null\ntemplates:\n{lines}  code: 'Write it.'\n")
    with pytest.raises(Exception, match=r"p\.yaml: templates\.code: found 'Write it\.'"):
        read_prompt(path)


def test_braces_of_questions_and_templates_stay() -> None:
    prompt = Prompt("S", dict.fromkeys(CATEGORIES, r"\boxed{} {question}"))
    messages = prompt.render("math", [{"role": "user", "content": "{x}"}])
    assert [m["content"] for m in messages] == ["S", r"\boxed{} {x}"]


def test_what_draws_nothing_depends_on_no_seed(tmp_path: Path) -> None:
    table = queries(SHORT)
    assert len(run(tmp_path, table, temperature=0)) == 2
    assert run(tmp_path, table, temperature=0, seed=2, top_p=0.5) == []


def answers(folder: Path) -> list[tuple[str | None, str | None, str | None]]:
    rows = read_artifact(folder / "00000-of-00001.parquet", RESPONSES).to_pylist()
    return [(row["thinking"], row["answer"], row["problem"]) for row in rows]


def test_another_format_splits_the_rows_that_are_there(done: Path) -> None:
    before = answers(done)
    assert run(done, queries(SHORT, LONG), format="plain") == []
    whole = f"<think>t</think><answer>{SHORT}</answer>"
    assert set(answers(done)) == {(None, whole, None), (None, None, "truncated")}
    assert run(done, queries(SHORT, LONG)) == []
    assert answers(done) == before


def test_a_response_without_an_answer_keeps_its_text(done: Path) -> None:
    rows = read_artifact(done / "00000-of-00001.parquet", RESPONSES).to_pylist()
    assert {row["text"] for row in rows if row["problem"]} == {f"<think>t</think>{LONG}"}
    assert {row["text"] for row in rows if not row["problem"]} == {None}
