"""Category instruction following: short texts under constraints that can be checked.

The constraints are IFEval's (arXiv 2311.07911) with its identifiers and arguments. A prompt's level
is its number of constraints, at most one of which sets the text's length.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Any

from deepdistill.demo.example import Example
from deepdistill.responses.format import join_response

TOPICS = ("sea", "moon", "garden", "winter", "river", "market", "forest", "music", "bread", "city")
QUALITIES = ("calm", "old", "beautiful", "quiet", "famous", "good", "large", "new")
OPENINGS = ("Write about the {}.", "Describe the {}.", "Tell us of the {}.")
END_PHRASE = "That is all."
LENGTH_CONSTRAINTS = (
    "keywords:frequency",
    "detectable_format:number_bullet_lists",
    "length_constraints:number_words",
)
STYLE_CONSTRAINTS = (
    "change_case:english_lowercase",
    "punctuation:no_comma",
    "detectable_format:title",
    "startend:end_checker",
)
WORDINGS = {
    "keywords:frequency": "Use the word {topic} at least {n} times.",
    "detectable_format:number_bullet_lists": "Use exactly {n} bullet points.",
    "length_constraints:number_words": "Use at least {words} words.",
    "change_case:english_lowercase": "Use only lowercase letters.",
    "punctuation:no_comma": "Do not use any commas.",
    "detectable_format:title": "Put a title in double angle brackets first.",
    "startend:end_checker": f'End with "{END_PHRASE}"',
}
WORDS_PER_SENTENCE = 8


@dataclass(frozen=True, slots=True)
class InstructionTask:
    """A prompt, a text that follows it, and the constraints that a verifier reads."""

    question: str
    text: str
    constraints: dict[str, Any]


def draw_task(level: int, rng: random.Random) -> InstructionTask:
    """Draw a prompt with ``level`` constraints (1 … 5)."""
    topic, n = rng.choice(TOPICS), rng.randint(2, 4)
    pool = [rng.choice(LENGTH_CONSTRAINTS), *STYLE_CONSTRAINTS]
    chosen = rng.sample(pool, level)
    words = n * WORDS_PER_SENTENCE - 2
    wordings = [WORDINGS[i].format(topic=topic, n=n, words=words) for i in chosen]
    question = " ".join([rng.choice(OPENINGS).format(topic), *wordings])
    arguments = {
        "keywords:frequency": {"keyword": topic, "frequency": n, "relation": "at least"},
        "detectable_format:number_bullet_lists": {"num_bullets": n},
        "length_constraints:number_words": {"num_words": words, "relation": "at least"},
        "startend:end_checker": {"end_phrase": END_PHRASE},
    }
    constraints = {
        "instruction_id_list": chosen,
        "kwargs": [arguments.get(i, {}) for i in chosen],
    }
    has_length = any(i in LENGTH_CONSTRAINTS for i in chosen)
    text = _follow(topic, n if has_length else 1, set(chosen), rng)
    return InstructionTask(question, text, constraints)


def _follow(topic: str, sentences: int, chosen: set[str], rng: random.Random) -> str:
    comma = "" if "punctuation:no_comma" in chosen else ","
    parts = [
        f"The {topic} is {rng.choice(QUALITIES)}{comma} and people like it."
        for _ in range(sentences)
    ]
    if "startend:end_checker" in chosen:
        parts[-1] += f" {END_PHRASE}"
    if "detectable_format:number_bullet_lists" in chosen:
        text = "\n".join(f"* {part}" for part in parts)
    else:
        text = " ".join(parts)
    if "detectable_format:title" in chosen:
        text = f"<<The {topic}>>\n{text}"
    return text.lower() if "change_case:english_lowercase" in chosen else text


def draw_example(level: int, rng: random.Random) -> Example:
    """Draw a prompt with ``level`` constraints and a text that follows them all."""
    task = draw_task(level, rng)
    return Example(task.question, join_response(f"{level} rules", task.text))
