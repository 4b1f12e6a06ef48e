"""What the configuration says of a model on a server, and what of it counts where."""

from __future__ import annotations

import copy
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from deepdistill import slices
from deepdistill.config import check_config, check_inputs
from deepdistill.errors import InputError
from deepdistill.files import read_json
from deepdistill.models import read_identity, served_identity

SERVER: dict[str, Any] = {"url": "https://api.example.org/v1"}
TEACHER: dict[str, Any] = {
    "backend": "openai",
    "model": "served/model",
    "passes": 2,
    "server": SERVER,
}


def configured(server: dict[str, Any] | None = None, **teacher: Any) -> dict[str, Any]:
    settings = copy.deepcopy(TEACHER) | teacher
    settings["server"] |= server or {}
    judge = {name: value for name, value in settings.items() if name != "passes"}
    return {
        "shards": 8,
        "sources": {"questions": {"path": "questions.jsonl", "category": "math"}},
        "teachers": {"bought": settings, "other": {**TEACHER, "backend": "vllm"}},
        "verification": {"judge": copy.deepcopy(judge)},
    }


def without(name: str) -> dict[str, Any]:
    config = configured()
    for section in (config["teachers"], config["verification"]):
        for settings in section.values():
            settings.pop(name, None)
    return config


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (without("model"), r"config: teachers\.\w+\.model: missing; the backend \w+ needs it"),
        (without("server"), r"config: teachers\.bought\.server: missing; .* openai needs it"),
        (configured({"url": "localhost:8000"}), r"server\.url: found \"localhost:8000\", allowed"),
        (configured({"url": "https://user:key@host/v1"}), r"bought\.server\.url: found "),
        (configured({"url": "https://host/v1?key=1"}), r"bought\.server\.url: found "),
        (configured({"concurrency": 0}), r"server\.concurrency: found 0, allowed: integer"),
        (configured({"api_key": "sk-1"}), r"api_key: unknown key \(did you mean api_key_env\?\)"),
        (configured({"api_key_env": "sk-1"}), r"server\.api_key_env: found \"sk-1\", allowed"),
        (configured({"budget": {"tokens": 0}}), r"server\.budget\.tokens: found 0, allowed"),
        (configured({"budget": {"money": 5}}), r"bought\.server\.price: found 0, allowed beside"),
    ],
)
def test_a_wrong_server_ends_in_one_line_that_names_the_key(
    config: dict[str, Any], message: str
) -> None:
    del config["verification"]
    with pytest.raises(InputError) as caught:
        check_config(config)
    assert re.search(message, str(caught.value)), str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_served_model_is_no_folder_and_has_a_server_in_the_judge_too(tmp_path: Path) -> None:
    config = configured()
    config["sources"]["questions"]["path"] = str(tmp_path)
    del config["teachers"]["other"]
    check_inputs(check_config(config))
    del config["verification"]["judge"]["server"]
    with pytest.raises(InputError, match=r"config: verification\.judge\.server: missing"):
        check_config(config)


def sliced(server: dict[str, Any] | None = None, **teacher: Any) -> dict[str, Any]:
    return slices.generate_responses(check_config(configured(server, **teacher)), "bought")


def test_without_a_budget_neither_prices_nor_the_number_of_shards_count() -> None:
    assert sliced({"price": {"input": 3}}) == sliced()
    assert not {"shares", "batch_size", "dtype", "engine"} & {*sliced()}
    assert sliced(batch_size=7, dtype="float16") == sliced()


def test_with_a_budget_the_jobs_that_share_it_count() -> None:
    priced = {"price": {"input": 1, "output": 2}}
    tokens = sliced({"budget": {"tokens": 5}, **priced})
    assert tokens["shares"] == 8
    assert tokens["server"]["budget"] == {"tokens": 5, "money": None}
    assert "price" not in tokens["server"]
    money = sliced({"budget": {"money": 5}, **priced})
    assert money["server"]["price"] == priced["price"]
    config = check_config(configured({"budget": {"tokens": 5}}))
    assert slices.judge_responses(config)["shares"] == 8 * 2  # of two teachers


@pytest.mark.parametrize(
    "change",
    [
        {"url": "http://localhost:8000/v1"},
        {"api_key_env": "OTHER"},
        {"concurrency": 7},
        {"requests_per_minute": 7},
        {"tokens_per_minute": 7},
        {"timeout_s": 7},
        {"limit_field": "max_completion_tokens"},
        {"price": {"input": 7, "output": 2}},
        {"price": {"input": 1, "output": 7}},
        {"budget": {"tokens": 7, "money": 5}},
        {"budget": {"money": 7}},
    ],
    ids=str,
)
def test_what_a_job_does_with_the_server_is_in_its_slice(change: dict[str, Any]) -> None:
    before = {"budget": {"money": 5}, "price": {"input": 1, "output": 2}}
    assert sliced({**before, **change}) != sliced(before)


def test_a_server_counts_for_the_backend_openai_only() -> None:
    config = check_config(configured())
    assert "server" not in slices.generate_responses(config, "other")


def test_a_served_model_is_identified_by_its_name_and_revision() -> None:
    config = check_config(configured(revision="2026-11"))
    expected = {"served": "served/model", "revision": "2026-11"}
    assert slices.identify_model(config, "bought") == expected
    assert slices.identify_model(config, "judge") == expected
    assert slices.identify_model(check_config(configured()), "bought") == {"served": "served/model"}
    identities = [("a", None), ("b", None), ("a", "1"), ("a", "2")]
    assert len({served_identity(*names)["digest"] for names in identities}) == 4


def test_the_identity_of_a_served_model_has_its_name(root: Path, tmp_path: Path) -> None:
    file = tmp_path / "model.json"
    line = [sys.executable, "scripts/identify_model.py", "--served=served/model", "--revision=2"]
    subprocess.run([*line, f"--output={file}"], cwd=root, check=True)
    assert read_json(file) == served_identity("served/model", "2")
    assert read_identity(file).fields["served"] == "served/model"
    assert "example" not in json.dumps(read_json(file))
