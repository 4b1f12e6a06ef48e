"""lm-eval's Hugging Face model, with sampling that remembers how each response ended."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from lm_eval.api.instance import Instance
from lm_eval.models.huggingface import HFLM
from tqdm import tqdm
from transformers import GenerationConfig

from deepdistill.errors import InputError
from deepdistill.evaluation.generation import Generation


class Sampler(HFLM):
    """A model folder as lm-eval model whose responses are :class:`Generation` texts.

    The parent class decodes without noting whether the end-of-sequence token came, cuts prompts
    that are too long with a warning, and decodes every batch at every token to look for stop
    strings. Here a response ends at the model's own end-of-sequence tokens, stop strings are not
    used, and a prompt without room for its answer is an error.
    """

    def __init__(self, folder: Path, batch_size: int) -> None:
        """Load the model, onto the GPU if there is one."""
        super().__init__(
            pretrained=str(folder),
            device="cuda" if torch.cuda.is_available() else "cpu",
            batch_size=batch_size,
        )
        listed = self.model.generation_config.eos_token_id
        ends = listed if isinstance(listed, list) else [listed]
        self._ends = sorted({e for e in (*ends, self.tokenizer.eos_token_id) if e is not None})

    def generate_until(
        self, requests: list[Instance], disable_tqdm: bool = False
    ) -> list[Generation]:
        """Return one response per request, in the order of ``requests``.

        A request holds its rendered prompt and its task's generation_kwargs, which are the same
        for all of them. Batches hold prompts of similar length, the longest first, padded on the
        left. Reproducible for equal requests, batch size and torch seed.
        """
        prompts = [request.args[0] for request in requests]
        config = self._generation_config(requests[0].args[1])
        lengths = self._lengths(prompts, config.max_new_tokens)
        order = sorted(range(len(prompts)), key=lambda i: -lengths[i])
        generations: dict[int, Generation] = {}
        with tqdm(total=len(order), desc="generating", disable=disable_tqdm or None) as progress:
            for start in range(0, len(order), self.batch_size):
                batch = order[start : start + self.batch_size]
                made = self._sample([prompts[i] for i in batch], config)
                generations.update(zip(batch, made, strict=True))
                progress.update(len(batch))
        return [generations[i] for i in range(len(prompts))]

    def _lengths(self, prompts: list[str], max_new_tokens: int) -> list[int]:
        encoded = self.tokenizer(prompts, add_special_tokens=False)["input_ids"]
        lengths = [len(ids) for ids in encoded]
        longest = max(lengths)
        if longest + max_new_tokens > self.max_length:
            raise InputError(
                f"benchmark: the longest prompt has {longest} tokens and max_new_tokens is "
                f"{max_new_tokens}, {longest + max_new_tokens} in all; allowed by the model: "
                f"{self.max_length}"
            )
        return lengths

    @torch.inference_mode()
    def _sample(self, prompts: list[str], config: GenerationConfig) -> list[Generation]:
        # The chat template has put the special tokens into the text already.
        inputs = self.tokenizer(
            prompts,
            add_special_tokens=False,
            padding=True,
            padding_side="left",
            return_tensors="pt",
        ).to(self.device)
        output = self.model.generate(
            input_ids=inputs["input_ids"],
            attention_mask=inputs["attention_mask"],
            generation_config=config,
        )
        made = output[:, inputs["input_ids"].shape[1] :].tolist()
        return [self._generation(tokens) for tokens in made]

    def _generation(self, tokens: list[int]) -> Generation:
        end = next((i for i, token in enumerate(tokens) if token in self._ends), None)
        text = self.tokenizer.decode(tokens[:end], skip_special_tokens=True)
        if end is None:
            return Generation(text, len(tokens), finished=False)
        return Generation(text, end + 1, finished=True)

    def _generation_config(self, kwargs: Mapping[str, Any]) -> GenerationConfig:
        sampling = {k: v for k, v in kwargs.items() if k not in ("until", "max_gen_toks")}
        return GenerationConfig(
            max_new_tokens=kwargs["max_gen_toks"],
            eos_token_id=self._ends,
            pad_token_id=self.tokenizer.pad_token_id,
            repetition_penalty=1.0,  # a model folder may bring another one
            use_cache=True,
            **sampling,
        )
