"""A server of chat completions for the tests of the backend openai."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from chat_server import (
    KEY,
    VARIABLE,
    Server,
)
from deepdistill.responses.backends import openai_server


@pytest.fixture
def server(quick: None) -> Iterator[Server]:
    """A running server, for a client that is hardly patient."""
    server = Server()
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """A client that is hardly patient, and a key."""
    monkeypatch.setattr("openai._base_client.INITIAL_RETRY_DELAY", 0.01)
    monkeypatch.setattr(openai_server, "RETRIES", 2)
    monkeypatch.setenv(VARIABLE, KEY)
    monkeypatch.setenv("NO_PROXY", "*")
