"""A server of chat completions that answers as a test says, and what tests ask of it."""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pyarrow as pa

from deepdistill.config import load_schema
from deepdistill.keys import query_id
from deepdistill.responses.backends.backend import Completion, Request
from deepdistill.responses.backends.openai_server import OpenAIBackend
from deepdistill.responses.backends.purse import Purse
from deepdistill.responses.generate import generate_shard
from deepdistill.responses.prompts import Prompt
from deepdistill.schemas import CATEGORIES, RESPONSES, SHARD
from deepdistill.tables import from_rows, read_artifact

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


def at_first(server: Server, answer: Answer, times: int = 1) -> None:
    """Have each question answered so for the first ``times`` times."""
    seen: Counter[str] = Counter()

    def give(asked: dict[str, Any], headers: Any) -> Answer:
        question = asked["messages"][-1]["content"]
        with server.lock:
            seen[question] += 1
            return answer if seen[question] <= times else answered()

    server.answer = give


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
