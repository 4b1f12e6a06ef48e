"""Generation with Hugging Face transformers: for small machines and small models."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer
from transformers.generation.logits_process import (
    LogitsProcessor,
    LogitsProcessorList,
    TemperatureLogitsWarper,
    TopPLogitsWarper,
)

from deepdistill.responses.backends.backend import Completion, Request

log = logging.getLogger(__name__)


class TransformersBackend:
    """Generates in batches of prompts of similar length, left padded, on a GPU if there is one."""

    def __init__(self, model: str, config: Mapping[str, Any]) -> None:
        device = "cuda" if torch.cuda.is_available() else "cpu"
        self._tokenizer = AutoTokenizer.from_pretrained(model, padding_side="left")
        dtype = getattr(torch, config["dtype"])
        self._model = AutoModelForCausalLM.from_pretrained(model, dtype=dtype)
        self._model.to(device).eval()
        # The sampling settings are ours, not those that the model's folder recommends.
        self._model.generation_config.update(
            do_sample=False, temperature=None, top_p=None, top_k=None
        )
        if self._tokenizer.pad_token is None:
            self._tokenizer.pad_token = self._tokenizer.eos_token
        self._stops = _stop_ids(self._model, self._tokenizer)
        self._config = config
        log.info("model %s on %s", model, device)

    def complete(self, requests: Sequence[Request]) -> Iterator[list[Completion]]:
        """Yield the completions batch by batch, the longest prompts first."""
        prompts = [
            (
                self._tokenizer.apply_chat_template(
                    [dict(m) for m in r.messages], add_generation_prompt=True, tokenize=False
                ),
                r,
            )
            for r in requests
        ]
        prompts.sort(key=lambda pair: (-len(pair[0]), pair[1].query_id, pair[1].pass_number))
        if prompts:
            log.info("first prompt as rendered: %r", prompts[0][0])
        size = self._config["batch_size"]
        for start in range(0, len(prompts), size):
            yield self._batch(prompts[start : start + size])

    @torch.inference_mode()
    def _batch(self, batch: Sequence[tuple[str, Request]]) -> list[Completion]:
        requests = [request for _, request in batch]
        inputs = self._tokenizer(
            [prompt for prompt, _ in batch],
            return_tensors="pt",
            padding=True,
            add_special_tokens=False,
            return_token_type_ids=False,
        ).to(self._model.device)
        output = self._model.generate(
            **inputs,
            max_new_tokens=self._config["max_tokens"],
            logits_processor=self._sampler(requests),
            pad_token_id=self._tokenizer.pad_token_id,
            eos_token_id=self._stops,
        )
        width = inputs["input_ids"].shape[1]
        tokens_in = inputs["attention_mask"].sum(dim=1).tolist()
        return [
            self._completion(request, count, row.tolist())
            for request, count, row in zip(requests, tokens_in, output[:, width:], strict=True)
        ]

    def _completion(self, request: Request, tokens_in: int, tokens: list[int]) -> Completion:
        stop = next((i for i, token in enumerate(tokens) if token in self._stops), None)
        kept = tokens if stop is None else tokens[:stop]
        return Completion(
            request,
            text=self._tokenizer.decode(kept, skip_special_tokens=True),
            finish_reason="length" if stop is None else "stop",
            tokens_in=tokens_in,
            tokens_out=len(kept) if stop is None else len(kept) + 1,
        )

    def _sampler(self, requests: Sequence[Request]) -> LogitsProcessorList:
        temperature, top_p = self._config["temperature"], self._config["top_p"]
        steps = LogitsProcessorList()
        if temperature > 0:
            steps.append(TemperatureLogitsWarper(temperature))
            if top_p < 1:
                steps.append(TopPLogitsWarper(top_p))
            steps.append(GumbelNoise([r.seed for r in requests]))
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
