"""The key of a server is used, and shown to nobody."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from chat_server import (
    KEY,
    VARIABLE,
    Answer,
    Server,
    answered,
    complete,
    failed,
    one,
    queries,
    requests,
    settings,
)
from deepdistill.errors import InputError
from deepdistill.files import canonical_json, write_json
from deepdistill.models import served_identity
from deepdistill.responses.backends.openai_server import OpenAIBackend
from deepdistill.schemas import CATEGORIES, RESPONSES, SHARD
from deepdistill.tables import read_artifact, write_artifact
from running import command, environment

QUOTA: Answer = (429, {"error": {"message": "pay", "code": "insufficient_quota"}}, {})


@pytest.mark.parametrize("answer", [failed(401), failed(402), failed(403), QUOTA])
def test_a_refused_key_ends_the_job_with_a_line_that_names_its_variable(
    server: Server, answer: Answer
) -> None:
    server.answer = lambda asked, headers: answer
    with pytest.raises(InputError) as caught:
        complete(server, requests(50), concurrency=2)
    line = str(caught.value)
    assert line.startswith(f"{server.url}: the server refuses the key")
    assert f"{VARIABLE}, which is set" in line
    assert KEY not in line
    assert "\n" not in line
    assert len(server.asked) < 20


def test_without_the_variable_the_server_gets_a_placeholder(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(VARIABLE)
    given: list[str] = []

    def answer(asked: dict[str, Any], headers: Any) -> Answer:
        given.append(headers["Authorization"])
        return answered() if len(given) == 1 else failed(401)

    server.answer = answer
    assert one(server).finish_reason == "stop"
    with pytest.raises(InputError, match=f"{VARIABLE}, which is not set"):
        one(server)
    assert given == ["Bearer none"] * 2


@pytest.mark.parametrize("key", ["two words", "two\nlines", "schlüssel"])
def test_a_key_that_can_be_none_is_not_shown(monkeypatch: pytest.MonkeyPatch, key: str) -> None:
    monkeypatch.setenv(VARIABLE, key)
    with pytest.raises(InputError, match=rf"environment variable {VARIABLE}: holds") as caught:
        OpenAIBackend("served/model", settings("http://127.0.0.1:9/v1"))
    assert key not in str(caught.value)


def test_the_key_is_in_no_file_and_no_line(root: Path, server: Server, tmp_path: Path) -> None:
    write_artifact(tmp_path / "queries.parquet", SHARD, queries("1+1", "2+2"))
    write_json(tmp_path / "model.json", served_identity("served/model"))
    templates = "".join(f"  {c}: '{{question}}'\n" for c in CATEGORIES)
    (tmp_path / "prompt.yaml").write_text(f"system: null\ntemplates:\n{templates}")

    def run() -> subprocess.CompletedProcess[str]:
        words = {
            "--queries": tmp_path / "queries.parquet",
            "--prompt": tmp_path / "prompt.yaml",
            "--model": tmp_path / "model.json",
            "--config": canonical_json(settings(server.url, concurrency=1)),
            "--output": tmp_path / "rows.parquet",
        }
        line = [sys.executable, "scripts/generate_responses.py"]
        line += [str(word) for pair in words.items() for word in pair]
        environment = {**os.environ, "OPENAI_LOG": "debug"}
        return subprocess.run(
            line, cwd=root, env=environment, capture_output=True, text=True, check=False
        )

    def echo(status: int) -> Callable[[dict[str, Any], Any], Answer]:
        return lambda asked, headers: failed(status, f"not with {headers['Authorization']}!")

    server.answer = echo(400)
    refused = run()
    assert refused.returncode == 0, refused.stderr
    rows = read_artifact(tmp_path / "rows.parquet", RESPONSES).to_pylist()
    assert {row["error"] for row in rows} == {"400 not with Bearer ***!"}
    server.answer = echo(401)
    ended = run()
    assert ended.returncode == 1
    assert "error: http://127" in ended.stderr
    assert "not with Bearer ***!" in ended.stderr
    assert "Traceback" not in ended.stderr
    printed = refused.stdout + refused.stderr + ended.stdout + ended.stderr
    assert KEY not in printed
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert len(files) >= 5
    assert not [path for path in files if KEY.encode() in path.read_bytes()]


CONFIG = """
shards: 1
sources:
  questions: {path: tests/workflow/data/questions.jsonl, category: math}
teachers:
  served:
    backend: openai
    model: served/model
    format: plain
    passes: 2
    max_tokens: 20
    server: {url: URL, api_key_env: VARIABLE, concurrency: 1, budget: {tokens: TOKENS}}
"""


@pytest.mark.slow
def test_the_workflow_stops_at_the_budget_and_goes_on_and_never_writes_the_key(
    bare_clone: Path, server: Server, tmp_path: Path
) -> None:
    folder = tmp_path / "clone"
    shutil.copytree(bare_clone, folder, symlinks=True)
    target = "results/responses/served/00000-of-00001.parquet"

    def run(tokens: int) -> subprocess.CompletedProcess[str]:
        text = CONFIG.replace("URL", server.url).replace("VARIABLE", VARIABLE)
        (folder / "served.yaml").write_text(text.replace("TOKENS", str(tokens)))
        return subprocess.run(
            command(target, config="served.yaml"),
            cwd=folder,
            env={**environment(folder), VARIABLE: KEY, "NO_PROXY": "*"},
            capture_output=True,
            text=True,
            check=False,
        )

    server.answer = lambda asked, headers: answered(headers["Authorization"].partition("-")[0])
    stopped = run(200)
    assert stopped.returncode == 1
    assert "error: server.budget.tokens: this job's share is 200 (200 for 1 jobs)" in stopped.stderr
    asked = len(server.asked)
    assert asked > 0
    assert not (folder / target).exists()
    done = run(100_000)
    assert done.returncode == 0, done.stderr
    rows = read_artifact(folder / target, RESPONSES).to_pylist()
    assert len(rows) == len(server.asked) > asked  # each question was asked once
    again = run(200_000)
    assert again.returncode == 0, again.stderr
    assert len(server.asked) == len(rows)

    server.answer = lambda asked, headers: failed(401, f"not with {headers['Authorization']}!")
    (folder / target).unlink()
    refused = run(200_000)
    assert refused.returncode == 1
    assert "not with Bearer ***!" in refused.stderr
    assert KEY not in "".join(r.stdout + r.stderr for r in (stopped, done, again, refused))
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert any(".snakemake" in path.parts for path in files)
    assert any(path.suffix == ".log" for path in files)
    assert not [path for path in files if KEY.encode() in path.read_bytes()]
