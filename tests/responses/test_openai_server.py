"""The backend openai: what is asked, and what becomes of each answer."""

from __future__ import annotations

import gc
import logging
import threading
from collections import Counter
from functools import partial
from http.server import ThreadingHTTPServer
from typing import Any

import pytest

from chat_server import (
    PATIENCE,
    Answer,
    Handler,
    Server,
    answered,
    at_first,
    complete,
    failed,
    one,
    requests,
    settings,
)
from deepdistill.errors import InputError
from deepdistill.responses import attempts
from deepdistill.responses.backends import openai_server
from deepdistill.responses.backends.backend import Request
from deepdistill.responses.backends.openai_server import OpenAIBackend
from deepdistill.responses.format import split_response
from deepdistill.responses.groups import grouped


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


@pytest.mark.parametrize("status", [0, 408, 429, 500, 503])  # 0: the connection is closed
def test_what_fails_for_a_time_is_asked_again(server: Server, status: int) -> None:
    at_first(server, failed(status), times=2)
    completions = complete(server, requests(3))
    assert [c.finish_reason for c in completions] == ["stop"] * 3
    assert Counter(server.questions()) == {"0+1": 3, "1+1": 3, "2+1": 3}


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


def test_a_server_that_is_not_there_ends_the_job(quick: None) -> None:
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


def test_a_log_has_no_line_for_each_request(
    server: Server, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    at_first(server, failed(500))
    complete(server, requests(10))
    assert len(caplog.records) == 1
