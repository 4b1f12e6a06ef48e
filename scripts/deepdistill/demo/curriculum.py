"""What a demo model reads: batches of one category and one level, easy levels first."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass

from deepdistill.demo import arithmetic, instructions, python_tasks
from deepdistill.demo.example import Example

DRAW = {
    "math": arithmetic.draw_example,
    "code": python_tasks.draw_example,
    "instruction_following": instructions.draw_example,
}


@dataclass(frozen=True, slots=True)
class Curriculum:
    """How often a teacher sees each category, up to which level, and how fast levels open.

    ``weights`` are relative frequencies, ``levels`` the highest level of each category. All levels
    are open after the share ``opening`` of the steps.
    """

    weights: Mapping[str, float]
    levels: Mapping[str, int]
    opening: float = 0.3

    def draw_batch(self, progress: float, size: int, rng: random.Random) -> list[Example]:
        """Draw examples of one category and level; ``progress`` runs from 0 to 1."""
        categories = list(self.weights)
        category = rng.choices(categories, weights=[self.weights[c] for c in categories])[0]
        highest = self.levels[category]
        opened = min(1.0, progress / self.opening)
        level = rng.randint(1, 1 + int((highest - 1) * opened))
        return [DRAW[category](level, rng) for _ in range(size)]


def draw_raw_batch(levels: int, size: int, rng: random.Random) -> list[str]:
    """Draw worked lines of one level of arithmetic: all that a base model reads."""
    level = rng.randint(1, levels)
    return [arithmetic.draw_worked_line(level, rng) for _ in range(size)]
