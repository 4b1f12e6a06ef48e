"""The backend openai against a real server: vLLM's, on the CPU."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from deepdistill.files import canonical_json, sha256_file, write_json
from deepdistill.keys import query_id
from deepdistill.models import model_identity, served_identity
from deepdistill.schemas import CATEGORIES, RESPONSES, SHARD
from deepdistill.tables import from_rows, read_artifact, write_artifact

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not importlib.util.find_spec("vllm"), reason="vllm is not installed"),
]

NAME = "served/tiny"
KEY = "token-0123456789"
POSITIONS = 128
PATIENCE = 300  # seconds, on a busy machine
QUESTIONS = ["1+1=?", "2+3+4=?", "7=?", "a b c", "9-8-7-6-5=?", "1" * 50]
SETTINGS = {
    "passes": 2,
    "temperature": 1.0,
    "top_p": 0.95,
    "seed": 1,
    "max_tokens": 40,
    "attempts": 2,
    "format": "plain",
}


@pytest.fixture(scope="module")
def model(build_model: Callable[..., Path]) -> Path:
    # vLLM has kernels for heads of 32 and more.
    return build_model(POSITIONS, initializer_range=0.1, hidden_size=64, head_dim=32)


@pytest.fixture(scope="module")
def url(model: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    options = {
        "--model": model,
        "--served-model-name": NAME,
        "--host": "127.0.0.1",
        "--port": port,
        "--api-key": KEY,
        "--dtype": "float32",
        "--gpu-memory-utilization": 0.1,
        "--generation-config": "vllm",
    }
    words = [str(word) for pair in options.items() for word in pair]
    folder = tmp_path_factory.mktemp("server")
    environment = {
        **os.environ,
        "HF_HUB_OFFLINE": "1",
        "VLLM_CPU_KVCACHE_SPACE": "1",
        "VLLM_CPU_OMP_THREADS_BIND": "nobind",  # or all engines share the first core
        "VLLM_NO_USAGE_STATS": "1",
    }
    with open(folder / "server.log", "wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "vllm.entrypoints.openai.api_server", *words, "--enforce-eager"],
            env=environment,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    try:
        wait_for(f"http://127.0.0.1:{port}/health", process, folder / "server.log")
        yield f"http://127.0.0.1:{port}/v1"
    finally:
        end(process)


def end(process: subprocess.Popen[bytes]) -> None:
    """End the server and the engine that it has started."""
    process.terminate()
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(20)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def wait_for(address: str, process: subprocess.Popen[bytes], log: Path) -> None:
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        assert process.poll() is None, log.read_text()
        try:
            with urllib.request.urlopen(address, timeout=5):
                return
        except OSError:
            time.sleep(0.5)
    pytest.fail(f"the server did not start: {log.read_text()}")


def queries() -> pa.Table:
    rows = [
        {
            "query_id": query_id("math", text),
            "category": "math",
            "source": "s",
            "source_line": i,
            "messages": [{"role": "user", "content": text}],
            "reference": "1",
        }
        for i, text in enumerate(QUESTIONS)
    ]
    return from_rows(SHARD, rows)


def generate(
    root: Path, folder: Path, identity: dict[str, str], key: str = KEY, **config: Any
) -> subprocess.CompletedProcess[str]:
    """Run scripts/generate_responses.py on the questions."""
    write_artifact(folder / "queries.parquet", SHARD, queries())
    write_json(folder / "model.json", identity)
    templates = "".join(f"  {c}: '{{question}}'\n" for c in CATEGORIES)
    (folder / "prompt.yaml").write_text(f"system: null\ntemplates:\n{templates}")
    words = {
        "--queries": folder / "queries.parquet",
        "--prompt": folder / "prompt.yaml",
        "--model": folder / "model.json",
        "--config": canonical_json({**SETTINGS, **config}),
        "--output": folder / "rows.parquet",
    }
    line = [str(word) for pair in words.items() for word in pair]
    return subprocess.run(
        [sys.executable, "scripts/generate_responses.py", *line],
        cwd=root,
        env={**os.environ, "NO_PROXY": "*", "SERVED_KEY": key},
        capture_output=True,
        text=True,
        check=False,
    )


def served(url: str, **changes: Any) -> dict[str, Any]:
    server = {
        "url": url,
        "api_key_env": "SERVED_KEY",
        "concurrency": 5,
        "requests_per_minute": None,
        "tokens_per_minute": None,
        "timeout_s": 60,
        "limit_field": "max_tokens",
    }
    return {"backend": "openai", "server": {**server, **changes}}


def rows(folder: Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = read_artifact(folder / "rows.parquet", RESPONSES).to_pylist()
    return found


def made(root: Path, folder: Path, **config: Any) -> list[dict[str, Any]]:
    folder.mkdir()
    result = generate(root, folder, served_identity(NAME), **config)
    assert result.returncode == 0, result.stderr
    return rows(folder)


def test_rows_with_seeds_are_the_same_twice(root: Path, url: str, tmp_path: Path) -> None:
    first = made(root, tmp_path / "a", **served(url))
    made(root, tmp_path / "b", **served(url, concurrency=1))
    files = [tmp_path / name / "rows.parquet" for name in "ab"]
    assert sha256_file(files[0]) == sha256_file(files[1])
    assert len(first) == 2 * len(QUESTIONS)
    assert {row["finish_reason"] for row in first} == {"stop", "length"}
    texts = [row["answer"] or row["text"] for row in first]
    assert len({*texts}) == len(texts)


def test_greedy_rows_are_those_of_the_backend_transformers(
    root: Path, url: str, model: Path, tmp_path: Path
) -> None:
    theirs = made(root, tmp_path / "served", temperature=0, **served(url))
    (tmp_path / "local").mkdir()
    local = {"backend": "transformers", "dtype": "float32", "batch_size": 4, "temperature": 0}
    result = generate(root, tmp_path / "local", model_identity(str(model)), **local)
    assert result.returncode == 0, result.stderr
    ours = rows(tmp_path / "local")
    assert [{**row, "request_key": ""} for row in theirs] == [
        {**row, "request_key": ""} for row in ours
    ]


def test_max_completion_tokens_limits_as_max_tokens_does(
    root: Path, url: str, tmp_path: Path
) -> None:
    field = {"limit_field": "max_completion_tokens"}
    short = made(root, tmp_path / "short", max_tokens=3, **served(url, **field))
    assert {row["tokens_out"] for row in short if row["finish_reason"] == "length"} == {3}


def test_what_does_not_fit_into_the_model_is_an_error_row(
    root: Path, url: str, tmp_path: Path
) -> None:
    found = made(root, tmp_path / "long", max_tokens=POSITIONS + 1, passes=1, **served(url))
    assert {row["finish_reason"] for row in found} == {"error"}
    assert all("max_tokens" in row["error"] for row in found)


def test_a_wrong_key_and_a_wrong_model_are_named(root: Path, url: str, tmp_path: Path) -> None:
    result = generate(root, tmp_path, served_identity(NAME), key="sk-other", **served(url))
    assert result.returncode == 1
    assert "the environment variable SERVED_KEY, which is set" in result.stderr
    assert "sk-other" not in result.stderr
    result = generate(root, tmp_path, served_identity("other"), **served(url))
    assert result.returncode == 1
    assert "know the model 'other'" in result.stderr
    assert "Traceback" not in result.stderr
