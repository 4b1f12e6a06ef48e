"""Generation with Hugging Face transformers: for small machines and small models."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, GenerationConfig
from transformers.generation.logits_process import (
    LogitsProcessor,
    LogitsProcessorList,
    TemperatureLogitsWarper,
    TopPLogitsWarper,
)

from deepdistill.loading import load_model
from deepdistill.rendering import render
from deepdistill.responses.backends.backend import Completion, Request

log = logging.getLogger(__name__)


class _Prompt(NamedTuple):
    """A request's prompt as rendered, and how many tokens it has."""

    request: Request
    text: str
    tokens: int


def _longest_first(prompt: _Prompt) -> tuple[int, str, int]:
    return -prompt.tokens, prompt.request.query_id, prompt.request.pass_number


def _halves(batch: list[_Prompt]) -> list[list[_Prompt]]:
    """A batch in two, or nothing if it cannot be divided."""
    middle = len(batch) // 2
    return [batch[:middle], batch[middle:]] if middle else []


def _no_memory(prompt: _Prompt, error: Exception) -> Completion:
    reason = f"out of memory: {' '.join(str(error).split())}"
    return Completion(prompt.request, "", "error", tokens_in=prompt.tokens, error=reason)


class TransformersBackend:
    """Generates in batches of prompts of similar length, left padded, on a GPU if there is one.

    A response ends at ``max_tokens`` or with the model's positions, whichever comes first; a prompt
    that leaves no position at all is an error of its request. Raises :class:`InputError` if the
    folder ``model`` lacks weights.
    """

    def __init__(self, model: str, config: Mapping[str, Any]) -> None:
        self._tokenizer = AutoTokenizer.from_pretrained(model, padding_side="left")
        self._model = load_model(AutoModelForCausalLM, model, config["dtype"])
        if self._tokenizer.pad_token is None:
            self._tokenizer.pad_token = self._tokenizer.eos_token
        self._stops = _stop_ids(self._model, self._tokenizer)
        # The sampling settings are ours, not those that the model's folder recommends.
        self._model.generation_config = GenerationConfig()
        self._positions: int | None = getattr(
            self._model.config.get_text_config(), "max_position_embeddings", None
        )
        self._config = config
        log.info("model %s on %s", model, self._model.device)

    def complete(self, requests: Sequence[Request]) -> Iterator[list[Completion]]:
        """Yield the completions batch by batch, the longest prompts first.

        Before them all, in one group, come the errors of prompts that are too long or that the
        chat template refuses. A batch that does not fit into the memory is halved.
        """
        prompts, refused = self._prompts(requests)
        if refused:
            yield refused
        if prompts:
            log.info("first prompt as rendered: %r", prompts[0].text)
        size = self._config["batch_size"]
        batches = deque(prompts[start : start + size] for start in range(0, len(prompts), size))
        while batches:
            batch = batches.popleft()
            try:
                completions = self._batch(batch)
            except torch.OutOfMemoryError as error:
                batches.extendleft(_halves(batch)[::-1])
                completions = [] if len(batch) > 1 else [_no_memory(batch[0], error)]
            if completions:
                yield completions

    def _prompts(self, requests: Sequence[Request]) -> tuple[list[_Prompt], list[Completion]]:
        """The prompts, the longest first, and the errors of those that there is no response to."""
        prompts, refused = [], []
        for request in requests:
            try:
                text, tokens = render(self._tokenizer, request.messages, reply=True)
            except ValueError as error:
                refused.append(Completion(request, "", "error", error=str(error)))
                continue
            prompt = _Prompt(request, text, len(tokens))
            if self._room(prompt) < 1:
                refused.append(self._too_long(prompt))
            else:
                prompts.append(prompt)
        return sorted(prompts, key=_longest_first), refused

    def _room(self, prompt: _Prompt) -> int:
        """How many tokens a response to the prompt may have."""
        limit: int = self._config["max_tokens"]
        return limit if self._positions is None else min(limit, self._positions - prompt.tokens)

    def _too_long(self, prompt: _Prompt) -> Completion:
        error = f"{prompt.tokens} prompt tokens, but the model has {self._positions} positions"
        return Completion(prompt.request, "", "error", tokens_in=prompt.tokens, error=error)

    @torch.inference_mode()
    def _batch(self, batch: Sequence[_Prompt]) -> list[Completion]:
        requests = [prompt.request for prompt in batch]
        inputs = self._tokenizer(
            [prompt.text for prompt in batch],
            return_tensors="pt",
            padding=True,
            add_special_tokens=False,
            return_token_type_ids=False,
        ).to(self._model.device)
        output = self._model.generate(
            **inputs,
            max_new_tokens=max(map(self._room, batch)),
            logits_processor=self._sampler(requests),
            pad_token_id=self._tokenizer.pad_token_id,
            eos_token_id=self._stops,
        )
        width = inputs["input_ids"].shape[1]
        return [
            self._completion(prompt, row.tolist())
            for prompt, row in zip(batch, output[:, width:], strict=True)
        ]

    def _completion(self, prompt: _Prompt, made: list[int]) -> Completion:
        tokens = made[: self._room(prompt)]  # the batch goes on until its roomiest row has ended
        stop = next((i for i, token in enumerate(tokens) if token in self._stops), None)
        kept = tokens if stop is None else tokens[:stop]
        return Completion(
            prompt.request,
            text=self._tokenizer.decode(kept, skip_special_tokens=True),
            finish_reason="length" if stop is None else "stop",
            tokens_in=prompt.tokens,
            tokens_out=len(kept) if stop is None else len(kept) + 1,
        )

    def _sampler(self, requests: Sequence[Request]) -> LogitsProcessorList:
        temperature, top_p = self._config["temperature"], self._config["top_p"]
        steps = LogitsProcessorList()
        if temperature > 0:
            steps.append(TemperatureLogitsWarper(temperature))
            if top_p < 1:
                steps.append(TopPLogitsWarper(top_p))
            steps.append(GumbelNoise([r.seed for r in requests if r.seed is not None]))
        return steps


class GumbelNoise(LogitsProcessor):
    """Turns the arg-max that follows into a draw from the distribution (the Gumbel-max trick).

    Each row has a generator of its own, so that what is drawn for a row depends on its seed and
    not on the rows that happen to share its batch.
    """

    NUMBERS = 1 << 16  # drawn at a time per row

    def __init__(self, seeds: Sequence[int]) -> None:
        self._generators = [torch.Generator().manual_seed(seed) for seed in seeds]
        self._noise = torch.empty(0)
        self._step = 0

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        """Return ``scores`` plus noise; both rows × vocabulary."""
        vocabulary = scores.shape[1]
        steps = max(1, self.NUMBERS // vocabulary)
        if self._step % steps == 0:
            draws = [
                torch.empty(steps, vocabulary).exponential_(generator=g) for g in self._generators
            ]
            self._noise = -torch.stack(draws).log().to(scores.device)
        noise = self._noise[:, self._step % steps]
        self._step += 1
        return scores + noise.to(scores.dtype)


def _stop_ids(model: Any, tokenizer: Any) -> list[int]:
    """Ids that end a response: the generation config's and the tokenizer's."""
    configured = model.generation_config.eos_token_id
    listed = configured if isinstance(configured, list) else [configured]
    return sorted({i for i in [*listed, tokenizer.eos_token_id] if i is not None})
