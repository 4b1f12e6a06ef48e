"""Generation by a server that speaks OpenAI's chat completions: a served model or a bought one."""

from __future__ import annotations

import asyncio
import logging
import math
import os
from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from contextlib import closing
from functools import partial
from typing import Any

import openai
from openai.types.chat import ChatCompletion, ChatCompletionMessage

from deepdistill.errors import InputError
from deepdistill.responses.backends.backend import Completion, Request
from deepdistill.responses.backends.pace import Pace
from deepdistill.responses.backends.purse import Purse
from deepdistill.responses.backends.window import windowed
from deepdistill.responses.format import END_THINK, THINK
from deepdistill.responses.groups import grouped

log = logging.getLogger(__name__)

RETRIES = 10
"""Retries of the client, about a minute of them, before a request has failed."""

CONNECT_SECONDS = 30.0

GONE = 8
"""Requests in a row that find no server after which it counts as gone."""

NO_KEY = "none"
"""What a server is sent that needs no key."""

REFUSED = (401, 402, 403)
"""Answers to a key, or to an account, rather than to a request."""

NOT_THERE = (404, 405)

TRANSIENT = (408, 409, 429)
"""Answers that may be others later, as all from 500 on."""

MOST_SAID = 300
"""Characters of a server's message that are shown."""


class OpenAIBackend:
    """Asks a server for chat completions, many at the same time.

    ``config`` holds the sampling settings and ``server``: its address, the name of the environment
    variable that holds the key, and limits. The client repeats a request that fails for a time;
    after that it is a transient error. Requests that the server will not have are errors.

    Raises :class:`InputError` if the server is not there, does not take the key or does not know
    the model, or if the budget is spent (``purse`` knows what the shard's rows have cost).
    """

    def __init__(self, model: str, config: Mapping[str, Any], purse: Purse | None = None) -> None:
        self._model = model
        self._config = config
        self._server = config["server"]
        self._key = _key(self._server["api_key_env"])
        self._purse = purse or Purse(config)
        self._requests = Pace(self._server["requests_per_minute"])
        self._tokens = Pace(self._server["tokens_per_minute"])
        self._finished = self._used = 0  # requests, and their tokens
        self._reached = False
        self._unreached = 0  # requests in a row
        self._shown: set[int] = set()
        # A line for each request, and for each retry, would be all that a log file holds.
        for name in ("httpx2", "openai"):
            logging.getLogger(name).setLevel(logging.WARNING)

    def complete(self, requests: Sequence[Request]) -> Iterator[list[Completion]]:
        """Yield the completions as they are finished, in groups."""
        yield from grouped(self._stream(requests))

    def _stream(self, requests: Sequence[Request]) -> Iterator[list[Completion]]:
        log.info("%d requests to %s, model %s", len(requests), self._server["url"], self._model)
        missing = len(requests)

        def pause(request: Request) -> float:
            if cap := self._purse.lacks(request):
                if self._purse.waits:
                    return math.inf
                raise InputError(self._purse.refusal(cap, request, missing))
            return max(self._requests.wait(), self._tokens.wait())

        with asyncio.Runner() as runner:
            client = self._client()
            size, start = self._server["concurrency"], partial(self._start, client)
            try:
                with closing(windowed(runner, requests, size, pause, start)) as stream:
                    for completions in stream:
                        missing -= sum(not completion.transient for completion in completions)
                        yield completions
            finally:
                runner.run(client.close())

    def _client(self) -> openai.AsyncOpenAI:
        seconds = self._server["timeout_s"]
        return openai.AsyncOpenAI(
            base_url=self._server["url"],
            api_key=self._key or NO_KEY,
            max_retries=RETRIES,
            timeout=openai.Timeout(seconds, connect=min(seconds, CONNECT_SECONDS)),
        )

    def _start(
        self, client: openai.AsyncOpenAI, request: Request
    ) -> Coroutine[Any, Any, Completion]:
        self._purse.put_aside(request)
        expected = self._expected(request)
        self._requests.use(1)
        self._tokens.use(expected)
        return self._finish(client, request, expected)

    def _expected(self, request: Request) -> float:
        """Tokens that a request is likely to need: the mean, the most as long as there is none."""
        return self._used / self._finished if self._finished else sum(self._purse.worst(request))

    async def _finish(
        self, client: openai.AsyncOpenAI, request: Request, expected: float
    ) -> Completion:
        """Ask for a completion and settle what it has used."""
        try:
            completion = await self._ask(client, request)
        finally:
            self._purse.take_back(request)
        used = 0
        if completion.finish_reason != "error" or completion.tokens_out is not None:
            used = sum(self._purse.pay(request, completion.tokens_in, completion.tokens_out))
            self._finished += 1
            self._used += used
        self._tokens.use(used - expected)
        return completion

    async def _ask(self, client: openai.AsyncOpenAI, request: Request) -> Completion:
        seconds = self._server["timeout_s"]
        try:
            async with asyncio.timeout(seconds):
                answer = await client.chat.completions.with_raw_response.create(
                    **self._body(request)
                )
        except openai.APIStatusError as error:
            self._reached, self._unreached = True, 0
            return self._refusal(request, error)
        except (TimeoutError, openai.APITimeoutError):
            return _failed(request, f"no answer within {seconds:g} s", transient=True)
        except openai.APIConnectionError as error:
            return self._no_connection(request, error)
        self._reached, self._unreached = True, 0
        self._requests.use(answer.retries_taken)
        return _completion(request, answer.parse)

    def _body(self, request: Request) -> dict[str, Any]:
        body = {
            "model": self._model,
            "messages": [dict(message) for message in request.messages],
            "n": 1,
            "temperature": self._config["temperature"],
            self._server["limit_field"]: self._config["max_tokens"],
        }
        if request.seed is not None:
            body |= {"top_p": self._config["top_p"], "seed": request.seed}
        return body

    def _refusal(self, request: Request, error: openai.APIStatusError) -> Completion:
        """What becomes of a request that was answered with an HTTP error."""
        status, said = error.status_code, self._said(error)
        url, name = self._server["url"], self._server["api_key_env"]
        if status in REFUSED or error.code == "insufficient_quota":
            state = "set" if self._key else "not set"
            raise InputError(
                f"{url}: the server refuses the key, or its account: {said}; the key is read from "
                f"the environment variable {name}, which is {state}"
            ) from None
        if status in NOT_THERE:
            raise InputError(
                f"{url}: the server does not know the model {self._model!r}, or the address is "
                f"another (most end in /v1): {said}"
            ) from None
        transient = status in TRANSIENT or status >= 500
        if transient:
            self._requests.use(RETRIES)
        if status not in self._shown:
            self._shown.add(status)
            log.warning("the first request that failed with %d: %s", status, said)
        return _failed(request, said, transient)

    def _no_connection(self, request: Request, error: openai.APIConnectionError) -> Completion:
        """What becomes of a request that found no server; in the long run, of the job."""
        self._unreached += 1
        reason = self._without_key(str(error.__cause__ or error))
        if not self._reached or self._unreached >= GONE:
            raise InputError(
                f"{self._server['url']}: no connection to the server: {reason}; finished rows are "
                "kept, start again when it is there"
            ) from None
        return _failed(request, f"no connection: {reason}", transient=True)

    def _said(self, error: openai.APIStatusError) -> str:
        """The server's words on one line, which may repeat what it was sent."""
        body = error.body
        words = body.get("message", body) if isinstance(body, dict) else body
        return self._without_key(f"{error.status_code} {words or error.message}")

    def _without_key(self, text: str) -> str:
        shown = text.replace(self._key, "***") if self._key else text
        line = " ".join(shown.split())
        return line if len(line) <= MOST_SAID else f"{line[:MOST_SAID]}…"


def _key(name: str) -> str | None:
    """The key that an environment variable holds, if it is set."""
    key = os.environ.get(name, "").strip()
    if not all("!" <= character <= "~" for character in key):
        raise InputError(f"environment variable {name}: holds characters that no key may have")
    return key or None


def _failed(request: Request, error: str, transient: bool) -> Completion:
    return Completion(request, "", "error", error=error, transient=transient)


def _completion(request: Request, parse: Callable[[], ChatCompletion]) -> Completion:
    try:
        answer = parse()
        choice, usage = answer.choices[0], answer.usage
        text, reason = _text(choice.message), str(choice.finish_reason)
        tokens_in = usage.prompt_tokens if usage else None
        tokens_out = usage.completion_tokens if usage else None
    except (ValueError, TypeError, AttributeError, IndexError):
        return _failed(request, "the server's answer is no chat completion", transient=True)
    if reason not in ("stop", "length"):
        error = f"the server ended the response for another reason: {reason}"
        return Completion(request, "", "error", tokens_in, tokens_out, error)
    return Completion(request, text, reason, tokens_in, tokens_out)


def _text(message: ChatCompletionMessage) -> str:
    """All that the model wrote; many servers give its reasoning apart and without tags."""
    content = message.content or ""
    apart = message.model_extra or {}
    reasoning = apart.get("reasoning") or apart.get("reasoning_content")
    if not reasoning:
        return content
    return f"{THINK}{reasoning}{END_THINK}{content}" if content else f"{THINK}{reasoning}"
