"""Category math: chains of additions and subtractions, evaluated from left to right.

A chain's level is its number of operations. Every partial result stays in 0 … ``TOP``, so that a
small model meets each single sum often enough and what is left to learn is to follow the chain.

Chains are held out by a hash of their text, not by a list: the benchmark is drawn from the held-out
chains, and sources and training data from the others, whatever the seeds are.
"""

from __future__ import annotations

import random
import zlib
from dataclasses import dataclass

from deepdistill.demo.example import Example
from deepdistill.responses.format import join_response

TOP = 20
HELD_OUT_SHARE = 8  # one chain in this many
# About equally short, so that the numbers and not the wording dominate a near-duplicate search.
WORDINGS = ("Compute {}.", "What is {}?", "Evaluate {}.", "Work out {}.")


@dataclass(frozen=True, slots=True)
class Chain:
    """``7+12-5`` with its worked steps ``("7+12=19", "19-5=14")`` and its value 14."""

    text: str
    steps: tuple[str, ...]
    value: int


def is_held_out(text: str) -> bool:
    """Say whether the chain with this text is kept for the benchmark."""
    return zlib.crc32(text.encode()) % HELD_OUT_SHARE == 0


def draw_chain(level: int, rng: random.Random, held_out: bool = False) -> Chain:
    """Draw a chain of ``level`` operations from the held-out chains or from the others."""
    while True:
        chain = _draw_any(level, rng)
        if is_held_out(chain.text) == held_out:
            return chain


def _draw_any(level: int, rng: random.Random) -> Chain:
    value = rng.randint(1, TOP)
    text, steps = str(value), []
    for _ in range(level):
        subtract = value == TOP or (value > 0 and rng.random() < 0.5)
        operand = rng.randint(1, value if subtract else TOP - value)
        result = value - operand if subtract else value + operand
        operation = f"{'-' if subtract else '+'}{operand}"
        steps.append(f"{value}{operation}={result}")
        text, value = text + operation, result
    return Chain(text, tuple(steps), value)


def word_question(chain: Chain, rng: random.Random) -> str:
    """Return the chain as a question in one of the short wordings."""
    return rng.choice(WORDINGS).format(chain.text)


def draw_example(level: int, rng: random.Random) -> Example:
    """Draw a chain that is not held out, with its worked response."""
    chain = draw_chain(level, rng)
    response = join_response(",".join(chain.steps), f"\\boxed{{{chain.value}}}")
    return Example(word_question(chain, rng), response)


def draw_worked_line(level: int, rng: random.Random) -> str:
    """Draw a line of raw text such as a base model reads: worked steps, no question, no tags.

    Most lines begin with the chain, so that a base model learns to follow one: ``7+12-5:
    7+12=19,19-5=14.``
    """
    chain = draw_chain(level, rng)
    steps = ",".join(chain.steps)
    return f"{steps}." if rng.random() < 0.3 else f"{chain.text}: {steps}."
