"""The backend vllm with the real engine; its start takes a minute on a CPU, so tests share one."""

from __future__ import annotations

import dataclasses
import functools
import importlib.util
import multiprocessing
import os
import signal
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from deepdistill.errors import InputError
from deepdistill.evaluation.settings import Settings
from deepdistill.files import read_json, write_json
from deepdistill.keys import row_seed
from deepdistill.models import model_digest, read_identity
from deepdistill.responses.attempts import complete
from deepdistill.responses.backends import vllm_engine, vllm_start
from deepdistill.responses.backends.backend import Completion, Request
from deepdistill.responses.backends.choice import backend_opener
from deepdistill.responses.backends.vllm_engine import VllmBackend
from deepdistill.responses.engine import NEUTRAL
from deepdistill.responses.generate import generate_shard
from deepdistill.responses.prompts import Prompt
from deepdistill.schemas import CATEGORIES, RESPONSES, SHARD
from deepdistill.tables import from_rows, read_artifact

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(importlib.util.find_spec("vllm") is None, reason="vLLM is not installed"),
]

POSITIONS = 128
ENGINE = {
    "enforce_eager": True,
    "gpu_memory_utilization": 0.1,
    "max_num_seqs": 4,  # fewer than there are requests, so that they are handed over one by one
    "max_num_batched_tokens": POSITIONS,  # too few for two long prompts in one step
}
CONFIG = {
    "backend": "vllm",
    "dtype": "float32",
    "temperature": 1.0,
    "top_p": 0.95,
    "max_tokens": 20,
    "batch_size": 4,
    "attempts": 3,
    "engine": ENGINE,
}
QUESTIONS = [f"{i}+{i * i}=?" for i in range(1, 12)]

Place = tuple[str, int]


@pytest.fixture(scope="module")
def model(build_model: Callable[..., Path]) -> Path:
    """A model whose folder recommends settings of its own, and names a second id that ends."""
    folder = build_model(
        positions=POSITIONS,
        hidden_size=64,
        intermediate_size=128,
        head_dim=32,
        initializer_range=0.2,
    )
    file = folder / "generation_config.json"
    recommended = {"repetition_penalty": 5.0, "temperature": 0.1, "top_k": 2, "do_sample": True}
    write_json(file, {**read_json(file), **recommended, "eos_token_id": [1, 20]})
    return folder


@pytest.fixture(scope="module")
def engine(model: Path) -> Iterator[Any]:
    opened = vllm_engine.open_engine(str(model), CONFIG)
    yield opened
    opened.engine_core.shutdown()


@pytest.fixture
def backend(
    model: Path, engine: Any, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., VllmBackend]:
    """Return a function that opens a backend with the engine that runs already."""
    monkeypatch.setattr(vllm_engine, "open_engine", lambda model, config: engine)
    return lambda **config: VllmBackend(str(model), {**CONFIG, **config})


def requests(questions: Sequence[str], passes: int = 2) -> list[Request]:
    return [
        Request(q, n, [{"role": "user", "content": q}], "key", seed=row_seed(1, q, n))
        for q in questions
        for n in range(1, passes + 1)
    ]


def by_place(groups: Iterator[list[Completion]]) -> dict[Place, Completion]:
    made = [completion for group in groups for completion in group]
    places = [(c.request.query_id, c.request.pass_number) for c in made]
    assert len(set(places)) == len(places)
    return dict(zip(places, made, strict=True))


def test_greedy_rows_are_those_of_transformers_and_the_same_twice(
    model: Path, backend: Callable[..., VllmBackend]
) -> None:
    from deepdistill.responses.backends.local_transformers import TransformersBackend

    config = {**CONFIG, "temperature": 0, "max_tokens": 60}
    asked = [dataclasses.replace(request, seed=None) for request in requests(QUESTIONS)]
    ours, again = (by_place(backend(**config).complete(asked)) for _ in range(2))
    assert ours == again
    # Everything agrees: text, how it ended, and the tokens with the one that stops.
    assert ours == by_place(TransformersBackend(str(model), config).complete(asked))
    assert {c.finish_reason for c in ours.values()} == {"stop", "length"}


def test_a_prompt_that_the_chat_template_refuses_is_an_error_of_its_request(
    model: Path, backend: Callable[..., VllmBackend]
) -> None:
    from transformers import AutoTokenizer

    opened = backend()
    refusing = "{% if '11' in messages[-1]['content'] %}{{ raise_exception('no') }}{% endif %}"
    opened._tokenizer = AutoTokenizer.from_pretrained(model)
    opened._tokenizer.chat_template = refusing + opened._tokenizer.chat_template
    made = by_place(opened.complete(requests(QUESTIONS)))
    assert len(made) == 2 * len(QUESTIONS)
    assert {q for (q, _), c in made.items() if c.finish_reason == "error"} == {"11+121=?"}
    assert {c.error for c in made.values()} == {None, "chat template: no"}


def test_a_sampled_row_depends_on_its_seed_and_not_on_its_neighbours(
    backend: Callable[..., VllmBackend],
) -> None:
    asked = requests(QUESTIONS)
    everything = by_place(backend().complete(asked))
    assert everything == by_place(backend().complete(asked))
    alone = by_place(backend().complete(asked[5:6]))
    assert alone.items() <= everything.items()
    backwards = by_place(backend().complete(asked[::-1]))
    assert backwards == everything
    assert any(everything[q, 1].text != everything[q, 2].text for q in QUESTIONS)
    other = [dataclasses.replace(request, seed=request.seed + 1) for request in asked]
    texts = {place: c.text for place, c in by_place(backend().complete(other)).items()}
    assert texts != {place: c.text for place, c in everything.items()}


def test_a_response_that_a_limit_cuts_says_so(backend: Callable[..., VllmBackend]) -> None:
    completions = by_place(backend().complete(requests(QUESTIONS))).values()
    assert {c.finish_reason for c in completions} == {"stop", "length"}
    for completion in completions:
        assert completion.tokens_in == 2 + len(completion.request.messages[0]["content"])
        cut = completion.finish_reason == "length"
        assert completion.tokens_out == 20 if cut else completion.tokens_out <= 20


def test_a_response_ends_with_the_context(backend: Callable[..., VllmBackend]) -> None:
    full, nearly = "1" * (POSITIONS - 2), "1" * (POSITIONS - 5)
    asked = requests([full, nearly, "1+1=?"], passes=8)
    made = by_place(backend(max_tokens=1000).complete(asked))
    assert {(c.finish_reason, c.error) for (q, _), c in made.items() if q == full} == {
        ("error", f"{POSITIONS} prompt tokens, but the model has {POSITIONS} positions")
    }
    cut = [c for c in made.values() if c.finish_reason == "length"]
    assert nearly in {c.request.query_id for c in cut}
    assert {c.tokens_in + c.tokens_out for c in cut} == {POSITIONS}


def test_a_request_that_the_engine_refuses_stops_nothing(
    engine: Any, backend: Callable[..., VllmBackend], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked, add = requests(QUESTIONS), engine.add_request

    def refuse_one(name: str, prompt: Any, sampling: Any) -> None:
        # Cut here to nothing, which the engine refuses.
        tokens = [] if sampling.seed == asked[3].seed else prompt["prompt_token_ids"]
        add(name, {**prompt, "prompt_token_ids": tokens}, sampling)

    monkeypatch.setattr(engine, "add_request", refuse_one)
    made = by_place(backend().complete(asked))
    errors = {place: c.error for place, c in made.items() if c.finish_reason == "error"}
    message = "the engine refused the prompt: The decoder prompt cannot be empty"
    assert errors == {(asked[3].query_id, asked[3].pass_number): message}
    assert len(made) == len(asked)


def test_a_shards_rows_carry_their_seeds_and_need_the_engine_once(
    model: Path, backend: Callable[..., VllmBackend], tmp_path: Path
) -> None:
    rows = [
        {
            "query_id": f"{i:032x}",
            "category": "math",
            "source": "s",
            "source_line": i,
            "messages": [{"role": "user", "content": question}],
            "reference": "1",
        }
        for i, question in enumerate(QUESTIONS)
    ]
    config = {**CONFIG, "passes": 3, "seed": 7, "format": "plain"}
    prompt = Prompt(None, dict.fromkeys(CATEGORIES, "{question}"))
    opened = []

    def generate() -> list[dict[str, Any]]:
        generate_shard(
            from_rows(SHARD, rows),
            prompt,
            model_digest(model),
            lambda: opened.append(1) or backend(),
            config,
            tmp_path / "00000-of-00001.parquet",
            tmp_path / "metrics.json",
        )
        return read_artifact(tmp_path / "00000-of-00001.parquet", RESPONSES).to_pylist()

    made = generate()
    assert generate() == made
    assert len(opened) == 1
    assert len(made) == 3 * len(QUESTIONS)
    assert all(row["seed"] == row_seed(7, row["query_id"], row["pass"]) for row in made)


def test_a_benchmarks_settings_open_it_and_ask_as_a_teachers_do(
    model: Path, backend: Callable[..., VllmBackend], tmp_path: Path
) -> None:
    write_json(tmp_path / "m.json", {"path": str(model), "digest": model_digest(model)})
    sampling = Settings(
        k=2,
        temperature=1.0,
        top_p=0.95,
        max_new_tokens=20,
        batch_size=4,
        dtype="float32",
        backend="vllm",
        engine=ENGINE,
    ).sampling(seed=1)
    opened = backend_opener(sampling, read_identity(tmp_path / "m.json"), threads=1)()
    assert isinstance(opened, VllmBackend)
    asked = requests(QUESTIONS)
    assert by_place(opened.complete(asked)) == by_place(backend().complete(asked))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"tensor_paralel_size": 2}, r"engine\.tensor_paralel_size: no .*tensor_parallel_size"),
        ({"dtype": "float16"}, r"engine\.dtype: not allowed here: .*beside engine, as dtype"),
        ({"data_parallel_size": 2}, r"engine\.data_parallel_size: not allowed here: shards"),
        ({"max_model_len": 10 * POSITIONS}, "engine: found .*max_model_len"),
        ({"quantization": "none_such"}, "engine: found .*none_such"),
        ({"max_num_seqs": "many"}, "engine: found .*many"),
    ],
)
def test_an_argument_that_vllm_does_not_take_is_one_line(
    model: Path, arguments: dict[str, Any], message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from vllm.v1.engine.llm_engine import LLMEngine

    monkeypatch.delattr(LLMEngine, "from_vllm_config")  # it would load the model
    with pytest.raises(InputError, match=message) as caught:
        VllmBackend(str(model), {**CONFIG, "engine": {**ENGINE, **arguments}})
    assert "\n" not in str(caught.value)


def test_vllm_has_the_arguments_that_are_in_no_key_and_those_that_are_ours() -> None:
    from vllm.engine.arg_utils import EngineArgs

    known = {field.name for field in dataclasses.fields(EngineArgs)}
    assert known >= NEUTRAL
    assert known >= set(vllm_start.RESERVED)
    assert not NEUTRAL & set(vllm_start.RESERVED)


# The last test, since it kills the engine that the others share.
def test_what_a_killed_engine_was_working_on_is_done_by_the_next(
    model: Path, engine: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    start = vllm_engine.open_engine

    def open_next(model: str, config: dict[str, Any]) -> Any:
        # In this process, where it starts sooner.
        monkeypatch.setenv("VLLM_ENABLE_V1_MULTIPROCESSING", "0")
        return start(model, config)

    engines = iter([lambda *_: engine, open_next])
    monkeypatch.setattr(vllm_engine, "open_engine", lambda *args: next(engines)(*args))
    monkeypatch.setattr(vllm_engine, "grouped", functools.partial(vllm_engine.grouped, seconds=0))
    added: Counter[str] = Counter()
    watched: list[Any] = []

    def make_backend() -> VllmBackend:
        backend = VllmBackend(str(model), {**CONFIG, "max_tokens": 100})
        add = backend._engine.add_request

        def count(name: str, prompt: Any, sampling: Any) -> None:
            add(name, prompt, sampling)
            added[sampling.seed] += 1

        monkeypatch.setattr(backend._engine, "add_request", count)
        watched.append(backend)
        return backend

    asked = requests(QUESTIONS, passes=4)
    groups, finished = [], 0
    for group in complete(make_backend, asked, attempts=2):
        if not groups:
            finished = len(group)
            [core] = [p for p in multiprocessing.active_children() if "EngineCore" in p.name]
            os.kill(core.pid, signal.SIGKILL)
        groups.append(group)
    made = by_place(iter(groups))
    assert len(watched) == 2
    assert len(made) == len(asked)
    assert not any(completion.error for completion in made.values())
    again = [seed for seed, times in added.items() if times == 2]
    # The queue was full when the engine died, and nothing but what was in it is asked again.
    assert 0 < len(again) <= vllm_engine.QUEUE * ENGINE["max_num_seqs"]
    assert len(added) == len(asked)
    assert finished
