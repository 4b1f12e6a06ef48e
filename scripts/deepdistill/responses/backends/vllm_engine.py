"""Generation with vLLM: the backend for GPUs, and for models that need several of them."""

from __future__ import annotations

import logging
import subprocess
import threading
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from deepdistill.rendering import render
from deepdistill.responses.backends.backend import Completion, EngineLostError, Request
from deepdistill.responses.backends.vllm_nodes import meeting_place, start_workers
from deepdistill.responses.backends.vllm_start import engine_arguments, open_engine
from deepdistill.responses.groups import grouped

log = logging.getLogger(__name__)

QUEUE = 2
"""Requests with the engine, as a multiple of those that it computes at a time.

A request that ends is replaced from the engine's own queue, without waiting for this process, and
no more prompts than these are in memory as tokens.
"""


class _Prompt(NamedTuple):
    """A request and the tokens of its prompt, or why it has none."""

    request: Request
    tokens: list[int]
    error: str | None


def _longest_first(request: Request) -> tuple[int, str, int]:
    size = sum(len(message["content"]) for message in request.messages)
    return -size, request.query_id, request.pass_number


class VllmBackend:
    """Generates with vLLM's engine, as many responses at a time as it has memory for.

    A response ends at ``max_tokens`` or with the engine's context, whichever comes first; a prompt
    that leaves no room in the context is an error of its request, and so is one that the engine
    refuses. ``config`` holds ``temperature``, ``top_p``, ``max_tokens``, ``dtype`` and ``engine``,
    arguments of the engine by their names in vLLM. The engine's GPUs may be on several ``nodes`` of
    a SLURM job, with ``threads`` CPU threads on each.

    Raises :class:`InputError` if vLLM is not installed or cannot take an argument.
    """

    def __init__(
        self, model: str, config: Mapping[str, Any], nodes: int = 1, threads: int = 1
    ) -> None:
        self._workers: subprocess.Popen[bytes] | None = None
        if nodes == 1:
            self._engine = open_engine(model, config)
        else:
            meeting = meeting_place(nodes)
            engine_arguments(model, config, meeting)  # what is wrong is said once, on this node
            self._workers = start_workers(model, config, meeting, threads)
            try:
                self._engine = open_engine(model, config, meeting)
            except BaseException:
                self._workers.terminate()
                raise
            _announce_end(self._workers, self._engine.engine_core)
        self._config = config
        self._tokenizer = self._engine.get_tokenizer()
        settings = self._engine.vllm_config
        self._context: int = settings.model_config.max_model_len
        self._window: int = QUEUE * settings.scheduler_config.max_num_seqs
        log.info(
            "model %s in vLLM: a context of %d tokens, %d requests at a time",
            model,
            self._context,
            settings.scheduler_config.max_num_seqs,
        )

    def complete(self, requests: Sequence[Request]) -> Iterator[list[Completion]]:
        """Yield the completions as they are finished, gathered into groups.

        The longest prompts come first, since their responses tend to be long as well, and a long
        one that begins last is waited for. The passes of a query are computed together and share
        their prompt in the engine's prefix cache.
        """
        return grouped(self._stream(sorted(requests, key=_longest_first)))

    def close(self) -> None:
        """End the engine's processes, on all nodes."""
        self._engine.engine_core.shutdown()
        if self._workers is not None:
            self._workers.terminate()
            self._workers.wait()

    def _stream(self, requests: Sequence[Request]) -> Iterator[list[Completion]]:
        """Yield what each step of the engine finishes, often nothing."""
        from vllm.v1.engine.exceptions import EngineDeadError

        waiting = self._prompts(requests)
        running: dict[str, _Prompt] = {}
        try:
            while True:
                refused = self._feed(waiting, running)
                if not running:
                    yield refused
                    return
                outputs = [output for output in self._engine.step() if output.finished]
                yield refused + [
                    self._completion(running.pop(output.request_id), output.outputs[0])
                    for output in outputs
                ]
        except EngineDeadError as error:
            self.close()
            in_flight = [prompt.request for prompt in running.values()]
            raise EngineLostError(str(error), in_flight) from None
        finally:
            self._engine.abort_request(list(running))  # none, unless nobody waits for them any more

    def _prompts(self, requests: Sequence[Request]) -> Iterator[tuple[str, _Prompt]]:
        """Yield the requests' prompts and a name for each; passes of a query share one."""
        messages: Sequence[Mapping[str, str]] | None = None
        tokens: list[int] = []
        refusal: str | None = None
        for number, request in enumerate(requests):
            if request.messages != messages:
                messages, tokens, refusal = request.messages, [], None
                try:
                    text, tokens = render(self._tokenizer, messages, reply=True)
                except ValueError as error:
                    refusal = str(error)
                else:
                    if number == 0:
                        log.info("first prompt as rendered: %r", text)
            yield str(number), _Prompt(request, tokens, refusal)

    def _feed(
        self, waiting: Iterator[tuple[str, _Prompt]], running: dict[str, _Prompt]
    ) -> list[Completion]:
        """Fill the engine's queue; return the errors of prompts that it does not take."""
        refused = []
        while len(running) < self._window:
            name, prompt = next(waiting, ("", None))
            if prompt is None:
                break
            error = self._refusal(name, prompt)
            if error is None:
                running[name] = prompt
            else:
                tokens = len(prompt.tokens)
                refused.append(
                    Completion(prompt.request, "", "error", tokens_in=tokens, error=error)
                )
        return refused

    def _refusal(self, name: str, prompt: _Prompt) -> str | None:
        """Hand one prompt to the engine; return why that cannot be done, or None."""
        from vllm.exceptions import VLLMClientError
        from vllm.inputs import tokens_input

        room = self._room(prompt)
        if prompt.error:
            return prompt.error
        if room < 1:
            size = len(prompt.tokens)
            return f"{size} prompt tokens, but the model has {self._context} positions"
        try:
            sampling = _sampling_settings(self._config, room, prompt.request.seed)
            self._engine.add_request(name, tokens_input(prompt.tokens), sampling)
        except (ValueError, VLLMClientError) as error:
            return f"the engine refused the prompt: {' '.join(str(error).split())}"
        return None

    def _room(self, prompt: _Prompt) -> int:
        """How many tokens a response to the prompt may have."""
        limit: int = self._config["max_tokens"]
        return min(limit, self._context - len(prompt.tokens))

    def _completion(self, prompt: _Prompt, output: Any) -> Completion:
        tokens, reason, error = list(output.token_ids), output.finish_reason, None
        if reason not in ("stop", "length"):
            tokens, reason, error = [], "error", f"the engine ended the response: {reason}"
        kept = tokens[:-1] if reason == "stop" else tokens
        return Completion(
            prompt.request,
            text=self._tokenizer.decode(kept, skip_special_tokens=True),
            finish_reason=reason,
            tokens_in=len(prompt.tokens),
            tokens_out=len(tokens),
            error=error,
            transient=error is not None,
        )


def _announce_end(workers: subprocess.Popen[bytes], client: Any) -> None:
    """End the wait for the engine's next outputs when the other nodes' workers have ended."""
    from vllm.v1.engine.exceptions import EngineDeadError

    def watch() -> None:
        workers.wait()
        client.outputs_queue.put(EngineDeadError())

    threading.Thread(target=watch, daemon=True).start()


def _sampling_settings(config: Mapping[str, Any], max_tokens: int, seed: int | None) -> Any:
    """Return vLLM's sampling parameters for one request.

    vLLM gives the tokens only, once they are complete; the text is made of all of them at once.
    """
    from vllm.sampling_params import RequestOutputKind, SamplingParams

    return SamplingParams(
        temperature=config["temperature"],
        top_p=config["top_p"],
        max_tokens=max_tokens,
        seed=seed,
        detokenize=False,
        output_kind=RequestOutputKind.FINAL_ONLY,
    )
