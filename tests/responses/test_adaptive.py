"""Rounds of passes: the backend's answers are given, the verifiers are real."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from deepdistill.conditions import truth
from deepdistill.difficulty.measures import measure_one
from deepdistill.files import read_json
from deepdistill.responses.adaptive import LastingBackend, generate_adaptively
from deepdistill.responses.attempts import complete
from deepdistill.responses.backends.backend import Completion, EngineLostError, Request
from deepdistill.responses.generate import generate_shard
from deepdistill.responses.prompts import Prompt
from deepdistill.schemas import CATEGORIES, RESPONSES, SHARD, VERDICTS
from deepdistill.tables import from_rows, read_artifact

UNTIL = "passed > 0 and failed > 0"
CONFIG: dict[str, Any] = {
    "backend": "transformers",
    "dtype": "float32",
    "passes": {"min": 2, "max": 5, "until": UNTIL},
    "temperature": 0.6,
    "top_p": 0.95,
    "seed": 1,
    "max_tokens": 10,
    "attempts": 2,
    "engine": {},
    "format": "plain",
    "ddof": 0,
    "policies": {},
    "verification": {
        "math": {"timeout_s": 5},
        "code": {
            "timeout_s": 5,
            "memory_mb": 512,
            "max_tests": 10,
            "sandbox": "auto",
            "sandbox_command": [],
        },
        "instruction_following": {"mode": "strict"},
        "thresholds": {"math": 0.99, "code": 0.99, "instruction_following": 0.99},
    },
}
PROMPT = Prompt(None, dict.fromkeys(CATEGORIES, "{question}"))
TEXTS = {"p": ("7", "stop"), "f": ("8", "stop"), "t": ("", "length")}
"""What is answered where 7 is right."""

Place = tuple[str, int]


class Recorded:
    """A backend that gives a letter's text for each pass of a query, and may die half-way."""

    def __init__(self, letters: Mapping[str, str], dies_after: int | None = None) -> None:
        self.asked: list[Place] = []
        self._letters = letters
        self._dies_after = dies_after

    def complete(self, requests: Sequence[Request]) -> Iterator[list[Completion]]:
        for request in requests:
            if len(self.asked) == self._dies_after:
                raise KeyboardInterrupt
            self.asked.append((request.query_id, request.pass_number))
            text, reason = TEXTS[self._letters[request.query_id][request.pass_number - 1]]
            yield [Completion(request, text, reason, 1, 10)]


def queries(letters: Mapping[str, str], category: str = "math") -> pa.Table:
    rows = [
        {
            "query_id": name,
            "category": category,
            "source": "s",
            "messages": [{"role": "user", "content": name}],
            "reference": "7",
        }
        for name in letters
    ]
    return from_rows(SHARD, rows).sort_by("query_id")


def run(
    folder: Path,
    letters: Mapping[str, str],
    category: str = "math",
    dies_after: int | None = None,
    fixed: int | None = None,
    **passes: Any,
) -> tuple[list[Place], dict[str, int]]:
    """Return what was asked, in order, and the number of passes that each query has."""
    config = {**CONFIG, "passes": {**CONFIG["passes"], **passes}}
    table, backend = queries(letters, category), Recorded(letters, dies_after)
    output, metrics = folder / "00000-of-00001.parquet", folder / "metrics.json"
    try:
        if fixed:
            config = {**config, "passes": fixed}
            generate_shard(table, PROMPT, "m", lambda: backend, config, output, metrics)
        else:
            generate_adaptively(table, PROMPT, "m", lambda: backend, config, 1, output, metrics)
    except KeyboardInterrupt:
        return backend.asked, {}
    rows = read_artifact(output, RESPONSES).to_pylist()
    numbers: dict[str, list[int]] = {}
    for row in rows:
        numbers.setdefault(row["query_id"], []).append(row["pass"])
    assert all(found == [*range(1, len(found) + 1)] for found in numbers.values())
    said = read_json(metrics)
    assert said["rows_computed"] == len(backend.asked)
    most = fixed or config["passes"]["max"]
    assert said["responses_saved"] == len(letters) * most - len(rows)
    return backend.asked, {name: len(found) for name, found in numbers.items()}


LETTERS = {"even": "ppppp", "late": "pppfp", "never": "fffff", "soon": "pfppp", "cut": "ttppf"}


def test_queries_get_passes_in_rounds_until_the_condition_is_true(tmp_path: Path) -> None:
    asked, passes = run(tmp_path, LETTERS)
    assert passes == {"even": 5, "late": 4, "never": 5, "soon": 2, "cut": 5}
    assert [number for _, number in asked] == [1, 2] * 5 + [3] * 4 + [4] * 4 + [5] * 3


def test_where_nothing_counts_the_condition_is_not_true(tmp_path: Path) -> None:
    letters = {"cut": "ttttp", "sure": "ppppp"}
    assert run(tmp_path, letters, until="pass_rate >= 0")[1] == {"cut": 5, "sure": 2}


def test_a_category_without_a_verifier_gets_all_passes_at_once(tmp_path: Path) -> None:
    asked, passes = run(tmp_path, {"why": "ppppp"}, category="science", until="true")
    assert passes == {"why": 5}
    assert [number for _, number in asked] == [1, 2, 3, 4, 5]


def test_a_narrow_interval_is_reached_sooner_by_even_results(tmp_path: Path) -> None:
    letters = {"even": "p" * 12, "odd": "pf" * 6}
    passes = run(tmp_path, letters, min=1, max=12, until="ci_width < 0.5")[1]
    # The widths of Wilson's intervals: of 4 in 4 0.490, of 3 in 3 0.562, of 6 in 12 0.492.
    assert passes == {"even": 4, "odd": 12}


@given(
    st.dictionaries(st.sampled_from("abcd"), st.text("pft", min_size=6, max_size=6), min_size=1),
    st.integers(1, 6).flatmap(lambda most: st.tuples(st.integers(1, most), st.just(most))),
    st.sampled_from([UNTIL, "ci_width < 0.6", "n >= 3", "pass_rate > 0.4", "false", "true"]),
)
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_a_query_stops_at_its_first_pass_from_min_on_where_the_condition_holds_or_at_max(
    tmp_path_factory: pytest.TempPathFactory,
    letters: dict[str, str],
    bounds: tuple[int, int],
    until: str,
) -> None:
    least, most = bounds
    folder = tmp_path_factory.mktemp("shard")
    passes = run(folder, letters, min=least, max=most, until=until)[1]
    assert passes.keys() == letters.keys()
    for name, count in passes.items():
        assert least <= count <= most
        held = [holds(letters[name][:n], until) for n in range(least, count + 1)]
        assert not any(held[:-1])
        assert held[-1] or count == most
    assert run(folder, letters, min=least, max=most, until=until) == ([], passes)


def holds(letters: str, until: str) -> bool:
    """Say whether the condition is true of a query with these results."""
    states = {"p": ("passed", 1.0), "f": ("failed", 0.0), "t": ("truncated", None)}
    rows = [
        {"query_id": "q", "pass": n, "state": states[x][0], "verify_score": states[x][1]}
        for n, x in enumerate(letters, start=1)
    ]
    return bool(
        truth("until", until, measure_one(queries({"q": ""}), from_rows(VERDICTS, rows), 0))["q"]
    )


@pytest.mark.parametrize("dies_after", [0, 1, 7, 10, 13, 15, 19])
def test_an_interrupted_job_goes_on_where_it_was(tmp_path: Path, dies_after: int) -> None:
    whole = run(tmp_path / "whole", LETTERS)
    first, _ = run(tmp_path / "cut", LETTERS, dies_after=dies_after)
    second, passes = run(tmp_path / "cut", LETTERS)
    assert first + second == whole[0]
    assert passes == whole[1]
    name = "00000-of-00001.parquet"
    assert (tmp_path / "cut" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()


def test_from_a_fixed_number_of_passes_and_back_only_missing_rows_are_generated(
    tmp_path: Path,
) -> None:
    assert len(run(tmp_path, LETTERS, fixed=4)[0]) == 20
    asked, _ = run(tmp_path, LETTERS)
    assert sorted(asked) == [("cut", 5), ("even", 5), ("never", 5)]
    asked, _ = run(tmp_path, LETTERS, fixed=4)
    assert sorted(asked) == [("soon", 3), ("soon", 4)]


def test_the_engine_is_opened_once_and_only_if_rows_are_missing(tmp_path: Path) -> None:
    opened = []

    def make_backend() -> Recorded:
        opened.append(Recorded(LETTERS))
        return opened[-1]

    output, metrics = tmp_path / "00000-of-00001.parquet", tmp_path / "metrics.json"
    for _ in range(2):
        generate_adaptively(queries(LETTERS), PROMPT, "m", make_backend, CONFIG, 1, output, metrics)
        assert len(opened) == 1
    assert Counter(number for _, number in opened[0].asked)[5] == 3


class Dying:
    """A backend whose engine serves one call and dies in the second."""

    def __init__(self) -> None:
        self._calls = 0

    def complete(self, requests: Sequence[Request]) -> Iterator[list[Completion]]:
        self._calls += 1
        if self._calls == 2:
            raise EngineLostError("killed", requests[:1])
        yield [Completion(request, "7", "stop") for request in requests]


def test_an_engine_that_died_is_opened_again() -> None:
    opened = []

    def make_backend() -> Dying:
        opened.append(Dying())
        return opened[-1]

    backend = LastingBackend(make_backend)
    requests = [Request(name, 1, [], "k", None) for name in "ab"]
    for number in (1, 2, 3):
        groups = complete(lambda: backend, requests, 2)
        assert sorted(c.request.query_id for group in groups for c in group) == ["a", "b"]
        assert len(opened) == number


def test_an_empty_shard_gives_an_empty_artifact(tmp_path: Path) -> None:
    assert run(tmp_path, {}) == ([], {})
