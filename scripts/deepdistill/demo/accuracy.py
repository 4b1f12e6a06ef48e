"""Sampled accuracy on arithmetic: how strong a demo model is while it trains."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import TYPE_CHECKING

from deepdistill.demo import arithmetic
from deepdistill.demo.tokenizer import build_tokenizer

if TYPE_CHECKING:
    from transformers import PreTrainedModel

PROBE_SEED = 20_250
TEMPERATURE = 0.7


@dataclass(frozen=True, slots=True)
class Probe:
    """Prompts with the text that a right completion must hold, and room for it in tokens."""

    prompts: list[str]
    expected: list[str]
    max_new_tokens: int

    def accuracy(self, model: PreTrainedModel) -> float:
        """Return the share of the prompts that ``model`` completes as expected.

        One sample per prompt at temperature 0.7, as the teachers are asked later.
        """
        import torch

        tokenizer = build_tokenizer()
        batch = tokenizer(self.prompts, add_special_tokens=False, padding=True, return_tensors="pt")
        model.eval()
        with torch.random.fork_rng(devices=[]), torch.inference_mode():
            torch.manual_seed(PROBE_SEED)
            output = model.generate(
                input_ids=batch["input_ids"],
                attention_mask=batch["attention_mask"],
                max_new_tokens=self.max_new_tokens,
                do_sample=True,
                temperature=TEMPERATURE,
                top_k=0,
            )
        completions = tokenizer.batch_decode(
            output[:, batch["input_ids"].shape[1] :], skip_special_tokens=True
        )
        right = (e in c for e, c in zip(self.expected, completions, strict=True))
        return sum(right) / len(self.prompts)


def chat_probe(levels: int, per_level: int = 8) -> Probe:
    """Return questions of levels 1 … ``levels``, none of them held out, with boxed answers."""
    tokenizer, rng = build_tokenizer(), random.Random(PROBE_SEED)
    prompts, expected = [], []
    for level in range(1, levels + 1):
        for _ in range(per_level):
            chain = arithmetic.draw_chain(level, rng)
            turn = {"role": "user", "content": arithmetic.word_question(chain, rng)}
            prompts.append(
                tokenizer.apply_chat_template([turn], tokenize=False, add_generation_prompt=True)
            )
            expected.append(f"<answer>\\boxed{{{chain.value}}}</answer>")
    return Probe(prompts, expected, max_new_tokens=12 + 9 * levels)


def text_probe(levels: int, per_level: int = 8) -> Probe:
    """Return chains to continue as raw worked lines, the base model's own format."""
    tokenizer, rng = build_tokenizer(), random.Random(PROBE_SEED)
    chains = [
        arithmetic.draw_chain(level, rng)
        for level in range(1, levels + 1)
        for _ in range(per_level)
    ]
    prompts = [f"{tokenizer.bos_token}{chain.text}:" for chain in chains]
    expected = [f"{chain.steps[-1]}." for chain in chains]
    return Probe(prompts, expected, max_new_tokens=4 + 9 * levels)
