"""A server that stands in for a teacher: slow, without work for the machine, and it counts."""

from __future__ import annotations

import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import yaml

SECONDS = 2.0
"""Time that a response takes."""

CONCURRENCY = 2
"""Responses of a job at the same time."""

CONFIG = "slow.yaml"


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        time.sleep(SECONDS)
        choice = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant"}}
        choice["message"] |= {"content": "<think>So.</think><answer>\\boxed{4}</answer>"}
        usage = {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15}
        body: dict[str, Any] = {"id": "1", "object": "chat.completion", "created": 0, "model": "m"}
        content = json.dumps({**body, "choices": [choice], "usage": usage}).encode()
        try:
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)
        except OSError:
            self.close_connection = True  # whoever asked was killed

    def log_message(self, *_: Any) -> None:
        pass


class Teacher(ThreadingHTTPServer):
    """The server; a context manager that serves meanwhile."""

    request_queue_size = 128
    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/v1"

    def __enter__(self) -> Teacher:
        threading.Thread(target=self.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.shutdown()
        self.server_close()


def configure(folder: Path, url: str, shards: int, queries: int, **passes: int) -> None:
    """Write a configuration with the server behind each teacher, and its questions."""
    questions = [{"question": f"What is {n} + {n}?", "answer": str(2 * n)} for n in range(queries)]
    (folder / "questions.jsonl").write_text("".join(f"{json.dumps(q)}\n" for q in questions))
    teacher = {"backend": "openai", "model": "m", "max_tokens": 16}
    teacher |= {"server": {"url": url, "concurrency": CONCURRENCY}}
    config = {
        "shards": shards,
        "sources": {"sums": {"path": "questions.jsonl", "category": "math"}},
        "queries": {"near_duplicates": None},
        "teachers": {name: {**teacher, "passes": number} for name, number in passes.items()},
    }
    (folder / CONFIG).write_text(yaml.safe_dump(config))
