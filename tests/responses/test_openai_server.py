from __future__ import annotations

import gc
import json
import logging
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from deepdistill.config import load_schema
from deepdistill.errors import InputError
from deepdistill.files import canonical_json, sha256_file, write_json
from deepdistill.keys import query_id
from deepdistill.models import served_identity
from deepdistill.responses import attempts
from deepdistill.responses.backends import openai_server
from deepdistill.responses.backends.backend import Completion, Request
from deepdistill.responses.backends.openai_server import OpenAIBackend
from deepdistill.responses.backends.purse import Purse
from deepdistill.responses.format import split_response
from deepdistill.responses.generate import generate_shard
from deepdistill.responses.groups import grouped
from deepdistill.responses.prompts import Prompt
from deepdistill.schemas import CATEGORIES, RESPONSES, SHARD
from deepdistill.tables import from_rows, read_artifact, write_artifact
from running import command, environment

KEY = "-".join(["sk", "secret", "0123456789"])  # which this file does not hold either
VARIABLE = "SERVED_MODEL_KEY"
PATIENCE = 20.0  # seconds

Answer = tuple[int, Any, dict[str, str]]
"""Status, body (JSON unless it is bytes) and headers."""


def answered(content: str | None = "4", reason: str | None = "stop", **message: str) -> Answer:
    choice = {"index": 0, "finish_reason": reason, "message": {"role": "assistant"}}
    choice["message"] |= {"content": content, **message}
    usage = {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15}
    return 200, {"id": "1", "object": "chat.completion", "choices": [choice], "usage": usage}, {}


def failed(status: int, message: str = "no", **headers: str) -> Answer:
    return status, {"error": {"message": message, "code": None}}, headers


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: Server

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        with self.server.lock:
            self.server.asked.append((time.monotonic(), asked))
            self.server.at_once += 1
            self.server.most_at_once = max(self.server.most_at_once, self.server.at_once)
        try:
            status, body, headers = self.server.answer(asked, self.headers)
        finally:
            with self.server.lock:
                self.server.at_once -= 1
        if status == 0:
            self.close_connection = True
            return
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        headers = {
            "Content-Type": "application/json",
            "Content-Length": str(len(content)),
        } | headers
        lines = [f"HTTP/1.1 {status} Status", *(f"{k}: {v}" for k, v in headers.items())]
        self.wfile.write("\r\n".join([*lines, "", ""]).encode() + content)

    def log_message(self, *_: Any) -> None:
        pass


class Server(ThreadingHTTPServer):
    """Answers as the test says; knows what it was asked when, and how much at the same time."""

    request_queue_size = 128

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.lock = threading.Lock()
        self.asked: list[tuple[float, dict[str, Any]]] = []
        self.at_once = self.most_at_once = 0
        self.answer: Callable[[dict[str, Any], Any], Answer] = lambda asked, headers: answered()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/v1"

    def questions(self) -> list[str]:
        return [asked["messages"][-1]["content"] for _, asked in self.asked]

    def handle_error(self, *_: Any) -> None:
        pass  # connections that a test gives up


@pytest.fixture
def server() -> Iterator[Server]:
    server = Server()
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """A client that is hardly patient, and a key."""
    monkeypatch.setattr("openai._base_client.INITIAL_RETRY_DELAY", 0.01)
    monkeypatch.setattr(openai_server, "RETRIES", 2)
    monkeypatch.setenv(VARIABLE, KEY)
    monkeypatch.setenv("NO_PROXY", "*")


def settings(url: str, /, **changes: Any) -> dict[str, Any]:
    """A teacher's settings; ``changes`` of the server's, or of the others where they have them."""
    config: dict[str, Any] = {
        "backend": "openai",
        "passes": 1,
        "temperature": 0.7,
        "top_p": 0.9,
        "seed": 1,
        "max_tokens": 20,
        "attempts": 3,
        "format": "plain",
    }
    properties = load_schema()["$defs"]["server"]["properties"]
    defaults = {name: p["default"] for name, p in properties.items() if "default" in p}
    config |= {name: changes.pop(name) for name in [*changes] if name in [*config, "shares"]}
    return {**config, "server": {**defaults, "url": url, "api_key_env": VARIABLE, **changes}}


def requests(number: int) -> list[Request]:
    return [request(f"{i}+1") for i in range(number)]


def request(question: str) -> Request:
    return Request(question, 1, [{"role": "user", "content": question}], "key", 2**63 - 1)


def complete(server: Server, asked: list[Request], **changes: Any) -> list[Completion]:
    backend = OpenAIBackend("served/model", settings(server.url, **changes))
    return [completion for group in backend.complete(asked) for completion in group]


def one(server: Server, **changes: Any) -> Completion:
    (completion,) = complete(server, requests(1), **changes)
    return completion


def test_a_request_has_the_sampling_settings_and_its_own_seed(server: Server) -> None:
    completion = one(server)
    assert server.asked[0][1] == {
        "model": "served/model",
        "messages": [{"role": "user", "content": "0+1"}],
        "n": 1,
        "temperature": 0.7,
        "top_p": 0.9,
        "seed": 2**63 - 1,
        "max_tokens": 20,
    }
    assert (completion.text, completion.finish_reason) == ("4", "stop")
    assert (completion.tokens_in, completion.tokens_out) == (10, 5)


def test_a_greedy_request_has_no_seed_and_no_top_p(server: Server) -> None:
    greedy = Request("q", 1, [{"role": "user", "content": "1+1"}], "key", None)
    complete(server, [greedy], temperature=0, limit_field="max_completion_tokens")
    body = server.asked[0][1]
    assert {*body} == {"model", "messages", "n", "temperature", "max_completion_tokens"}
    assert (body["temperature"], body["max_completion_tokens"]) == (0, 20)


@pytest.mark.parametrize("field", ["reasoning", "reasoning_content"])
def test_reasoning_that_the_server_gives_apart_is_put_back(server: Server, field: str) -> None:
    server.answer = lambda asked, headers: answered("It is 4.", **{field: "2+2 is 4"})
    completion = one(server)
    assert split_response(completion.text, finished=True) == ("2+2 is 4", "It is 4.", None)


def test_reasoning_that_was_cut_stays_open(server: Server) -> None:
    server.answer = lambda asked, headers: answered(None, "length", reasoning="2+2 is")
    completion = one(server)
    assert (completion.text, completion.finish_reason) == ("<think>2+2 is", "length")
    assert split_response(completion.text, finished=False) == ("2+2 is", None, "truncated")


@pytest.mark.parametrize("reason", ["content_filter", "tool_calls", "abort", None])
def test_another_end_than_stop_and_length_is_an_error_that_says_it(
    server: Server, reason: str | None
) -> None:
    server.answer = lambda asked, headers: answered(None, reason)
    completion = one(server)
    assert completion.finish_reason == "error"
    assert f"another reason: {reason}" in str(completion.error)
    assert (completion.tokens_out, completion.transient) == (5, False)


def test_as_many_requests_as_allowed_are_under_way_and_never_more(server: Server) -> None:
    barrier = threading.Barrier(4, timeout=PATIENCE)

    def answer(asked: dict[str, Any], headers: Any) -> Answer:
        barrier.wait()  # until four are there
        return answered()

    server.answer = answer
    completions = complete(server, requests(12), concurrency=4)
    assert {c.finish_reason for c in completions} == {"stop"}
    assert server.most_at_once == 4


def at_first(server: Server, answer: Answer, times: int = 1) -> None:
    """Have each question answered so for the first ``times`` times."""
    seen: Counter[str] = Counter()

    def give(asked: dict[str, Any], headers: Any) -> Answer:
        question = asked["messages"][-1]["content"]
        with server.lock:
            seen[question] += 1
            return answer if seen[question] <= times else answered()

    server.answer = give


@pytest.mark.parametrize("status", [0, 408, 429, 500, 503])  # 0: the connection is closed
def test_what_fails_for_a_time_is_asked_again(server: Server, status: int) -> None:
    at_first(server, failed(status), times=2)
    completions = complete(server, requests(3))
    assert [c.finish_reason for c in completions] == ["stop"] * 3
    assert Counter(server.questions()) == {"0+1": 3, "1+1": 3, "2+1": 3}


def test_the_server_says_how_long_to_wait(server: Server) -> None:
    at_first(server, failed(429, **{"Retry-After": "0.5"}))
    assert one(server).finish_reason == "stop"
    (first, _), (second, _) = server.asked
    assert second - first >= 0.5


@pytest.mark.parametrize("status", [429, 500])
def test_what_fails_for_longer_is_asked_again_after_all_others(server: Server, status: int) -> None:
    seen: Counter[str] = Counter()

    def answer(asked: dict[str, Any], headers: Any) -> Answer:
        question = asked["messages"][-1]["content"]
        with server.lock:
            seen[question] += 1
            return failed(status) if question == "0+1" and seen[question] <= 3 else answered()

    server.answer = answer
    backend = OpenAIBackend("served/model", settings(server.url, concurrency=1))
    first = [c for group in backend.complete(requests(2)) for c in group]
    assert [(c.finish_reason, c.transient) for c in first] == [("error", True), ("stop", False)]
    assert f"{status} no" in str(first[0].error)
    seen.clear()
    groups = list(attempts.complete(lambda: backend, requests(2), attempts=2))
    assert {c.finish_reason for group in groups for c in group} == {"stop"}


@pytest.mark.parametrize("status", [400, 413, 422])
def test_what_the_server_will_not_have_is_an_error_row(
    server: Server, status: int, caplog: pytest.LogCaptureFixture
) -> None:
    server.answer = lambda asked, headers: failed(status, "the prompt\nis too long")
    completion = one(server)
    assert (completion.finish_reason, completion.transient) == ("error", False)
    assert completion.error == f"{status} the prompt is too long"
    assert len(server.asked) == 1
    assert str(completion.error) in caplog.text


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


@pytest.mark.parametrize("status", [404, 405])
def test_an_unknown_model_ends_the_job(server: Server, status: int) -> None:
    server.answer = lambda asked, headers: failed(status, "The model `x` does not exist.")
    with pytest.raises(InputError, match=r"127.*know the model 'served/model'.*`x` does not"):
        complete(server, requests(50))


def test_what_was_finished_before_the_job_ends_is_not_lost(server: Server) -> None:
    hold = threading.Event()

    def answer(asked: dict[str, Any], headers: Any) -> Answer:
        if asked["messages"][-1]["content"] != "5+1":
            return answered()
        assert hold.wait(PATIENCE)
        return failed(401)

    server.answer = answer
    backend = OpenAIBackend("served/model", settings(server.url, concurrency=1))
    stream = backend.complete(requests(10))
    threading.Timer(0.1, hold.set).start()
    assert len(next(stream)) == 5
    with pytest.raises(InputError):
        next(stream)


@pytest.mark.filterwarnings("error::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.filterwarnings("error::ResourceWarning")
def test_a_job_that_wants_no_more_leaves_nothing_behind(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(openai_server, "grouped", partial(grouped, seconds=0))
    stream = OpenAIBackend("m", settings(server.url, concurrency=1)).complete(requests(10))
    assert len(next(stream)) == 1
    del stream
    gc.collect()
    assert len(server.asked) < 10


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


def test_a_late_answer_is_a_transient_error(server: Server) -> None:
    hold = threading.Event()

    def answer(asked: dict[str, Any], headers: Any) -> Answer:
        if asked["messages"][-1]["content"] == "0+1":
            hold.wait(PATIENCE)
        return answered()

    server.answer = answer
    try:
        late, *others = sorted(
            complete(server, requests(3), timeout_s=2), key=lambda c: c.request.query_id
        )
    finally:
        hold.set()
    assert (late.finish_reason, late.transient) == ("error", True)
    assert late.error == "no answer within 2 s"
    assert {c.finish_reason for c in others} == {"stop"}


@pytest.mark.parametrize(
    "answer",
    [
        (200, b"<html>Welcome</html>", {"Content-Type": "text/html"}),
        (200, b'{"choices": [', {}),
        (200, {"choices": []}, {}),
        (200, {"choices": [{}]}, {}),
        (200, {"error": {"message": "overloaded"}}, {}),
        (200, [], {}),
    ],
)
def test_an_answer_that_is_no_completion_is_a_transient_error(
    server: Server, answer: Answer
) -> None:
    server.answer = lambda asked, headers: answer
    completion = one(server)
    assert (completion.finish_reason, completion.transient) == ("error", True)
    assert completion.error == "the server's answer is no chat completion"


def test_an_answer_without_token_counts_is_one(server: Server) -> None:
    def answer(asked: dict[str, Any], headers: Any) -> Answer:
        status, body, more = answered()
        del body["usage"]
        return status, body, more

    server.answer = answer
    completion = one(server)
    assert (completion.finish_reason, completion.tokens_out) == ("stop", None)


def test_a_server_that_is_not_there_ends_the_job() -> None:
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as unused:
        port = unused.server_port
    backend = OpenAIBackend("served/model", settings(f"http://127.0.0.1:{port}/v1"))
    with pytest.raises(InputError, match=rf"{port}/v1: no connection to the server: .*kept"):
        list(backend.complete(requests(3)))


def test_a_server_that_goes_away_ends_the_job_and_one_that_coughs_does_not(
    server: Server,
) -> None:
    gone = openai_server.GONE

    def answer(asked: dict[str, Any], headers: Any) -> Answer:
        number = int(asked["messages"][-1]["content"].partition("+")[0])
        return failed(0) if number in dropped else answered()

    server.answer = answer
    dropped = {*range(2, 1 + gone), 12, 14}
    completions = complete(server, requests(20), concurrency=1)
    assert sum(c.transient for c in completions) == gone - 1 + 2
    dropped = {*range(2, 2 + gone)}
    with pytest.raises(InputError, match="no connection"):
        complete(server, requests(20), concurrency=1)


def test_the_rate_of_requests_is_kept_and_retries_count(server: Server) -> None:
    at_first(server, failed(500))
    started = time.monotonic()
    complete(server, requests(4), requests_per_minute=600, concurrency=1)
    # Three pauses of a tenth of a second, and those for the first three's retries.
    assert time.monotonic() - started >= 0.6
    assert len(server.asked) == 8


def test_the_rate_of_tokens_is_kept(server: Server) -> None:
    started = time.monotonic()
    complete(server, requests(5), tokens_per_minute=60 * 150, concurrency=1, max_tokens=83)
    # The first one could need 150 tokens (67 of the prompt); each turns out to need 15.
    assert time.monotonic() - started >= 4 * 0.1


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


def generate(server: Server, folder: Path, number: int, **changes: Any) -> list[dict[str, Any]]:
    """Answer ``number`` questions and return the rows."""
    config = settings(server.url, **changes)
    purse = Purse(config)
    generate_shard(
        queries=queries(*(f"{i}+1" for i in range(number))),
        prompt=Prompt(None, dict.fromkeys(CATEGORIES, "{question}")),
        model="m",
        make_backend=lambda: OpenAIBackend("served/model", config, purse),
        config=config,
        output=folder / "rows.parquet",
        metrics=folder / "rows.metrics.json",
        purse=purse,
    )
    rows: list[dict[str, Any]] = read_artifact(folder / "rows.parquet", RESPONSES).to_pylist()
    return rows


def test_the_order_in_which_responses_come_does_not_change_the_shard(
    server: Server, tmp_path: Path
) -> None:
    delays = {f"{i}+1": 0.02 * i for i in range(6)}

    def answer(asked: dict[str, Any], headers: Any) -> Answer:
        question = asked["messages"][-1]["content"]
        time.sleep(delays[question])
        return answered(f"answer to {question}")

    server.answer = answer
    generate(server, tmp_path / "a", 6)
    delays = {question: 0.1 - delay for question, delay in delays.items()}
    generate(server, tmp_path / "b", 6, concurrency=5)
    files = [tmp_path / name / "rows.parquet" for name in "ab"]
    assert sha256_file(files[0]) == sha256_file(files[1])


@pytest.mark.parametrize(
    ("budget", "price", "unit"),
    [
        ({"tokens": 2 * 200}, {}, "tokens"),
        ({"money": 2 * 200.0}, {"input": 1e6, "output": 1e6}, "money"),
    ],
)
def test_a_spent_budget_ends_the_job_and_a_higher_one_goes_on(
    server: Server,
    tmp_path: Path,
    budget: dict[str, Any],
    price: dict[str, float],
    unit: str,
) -> None:
    changes = {"shares": 2, "price": price, "concurrency": 3}
    # A row takes 15 tokens and could take 87. Of a share of 200, the eighth leaves 80.
    with pytest.raises(InputError) as caught:
        generate(server, tmp_path, 20, budget=budget, **changes)
    assert str(caught.value) == (
        f"server.budget.{unit}: this job's share is 200 (400 for 2 jobs), of which 120 is spent, "
        "and the next request could cost 87; 12 rows are missing, finished ones are kept: a higher "
        "budget goes on from them"
    )
    assert len(server.asked) == 8
    with pytest.raises(InputError, match=r"120 is spent, .* 12 rows are missing"):
        generate(server, tmp_path, 20, budget=budget, **changes)
    assert len(server.asked) == 8

    more = {name: 1.5 * cap for name, cap in budget.items()}
    with pytest.raises(InputError, match=r"share is 300 .* 225 is spent, .* 5 rows are missing"):
        generate(server, tmp_path, 20, budget=more, **changes)
    enough = {name: 2 * cap for name, cap in budget.items()}
    rows = generate(server, tmp_path, 20, budget=enough, **changes)
    assert [row["answer"] for row in rows] == ["4"] * 20
    assert len(server.asked) == 20


def test_requests_under_way_count_at_the_most_that_they_could_cost(
    server: Server, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match="share is 200 "):
        generate(server, tmp_path, 20, budget={"tokens": 200}, shares=1, concurrency=10)
    assert server.most_at_once <= 2
    assert len(server.asked) == 8


def test_a_request_that_the_server_will_not_have_costs_nothing(
    server: Server, tmp_path: Path
) -> None:
    server.answer = lambda asked, headers: failed(400)
    rows = generate(server, tmp_path, 20, budget={"tokens": 90}, shares=1)
    assert {row["finish_reason"] for row in rows} == {"error"}


def test_a_server_that_has_moved_keeps_all_rows(server: Server, tmp_path: Path) -> None:
    rows = generate(server, tmp_path, 5)
    moved = {"url": "http://127.0.0.1:9/v1", "concurrency": 1, "requests_per_minute": 1}
    more = {"api_key_env": "OTHER", "limit_field": "max_completion_tokens", "timeout_s": 1}
    assert generate(server, tmp_path, 5, **moved, **more) == rows
    assert len(server.asked) == 5


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_what_is_finished_when_the_job_is_ended_is_kept(
    server: Server, tmp_path: Path, number: int
) -> None:
    hold = threading.Event()

    def answer(asked: dict[str, Any], headers: Any) -> Answer:
        with server.lock:
            last = len(server.asked) == 6
        if last:
            threading.Timer(0.2, os.kill, (os.getpid(), number)).start()
            hold.wait(PATIENCE)
        return answered()

    server.answer = answer
    before = signal.getsignal(signal.SIGTERM)
    try:
        with pytest.raises((KeyboardInterrupt, SystemExit)):
            generate(server, tmp_path, 20, concurrency=1)
    finally:
        hold.set()
    assert signal.getsignal(signal.SIGTERM) == before
    parts = [*tmp_path.glob("rows.parts/*.parquet")]
    assert sum(pq.read_metadata(path).num_rows for path in parts) == 5


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


def test_a_log_has_no_line_for_each_request(
    server: Server, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    at_first(server, failed(500))
    complete(server, requests(10))
    assert len(caplog.records) == 1


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
