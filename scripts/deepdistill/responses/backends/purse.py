"""A budget: what a job's responses have cost, and whether there is enough for another request."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from deepdistill.responses.backends.backend import Request

TEMPLATE_TOKENS = 64
"""Room for what a chat template writes around a message."""


class Tokens(NamedTuple):
    """Tokens of prompts and of responses."""

    prompt: int
    response: int

    def plus(self, other: Tokens) -> Tokens:
        """Return the sum."""
        return Tokens(self.prompt + other.prompt, self.response + other.response)

    def minus(self, other: Tokens) -> Tokens:
        """Return the difference."""
        return Tokens(self.prompt - other.prompt, self.response - other.response)


@dataclass(frozen=True)
class Cap:
    """The most that all jobs together may spend, and one of them: an equal share.

    prices: of a token of a prompt and of a response
    """

    name: str
    total: float
    shares: int
    prices: tuple[float, float]

    @property
    def share(self) -> float:
        """The most that one job may spend."""
        return self.total / self.shares

    def cost(self, tokens: Tokens) -> float:
        """Return what tokens cost."""
        return tokens.prompt * self.prices[0] + tokens.response * self.prices[1]


class Purse:
    """What one job may spend, has paid, and has put aside for requests that are under way.

    ``config`` holds ``max_tokens`` and, where there is a budget, ``server`` and ``shares``. What
    counts is the tokens of the shard's rows, those that were there before too, so that starting
    again opens no new purse.

    paid: tokens of all responses until now
    """

    paid: Tokens

    def __init__(self, config: Mapping[str, Any]) -> None:
        self._max_tokens: int = config["max_tokens"]
        self._caps = _caps(config)
        self.paid = self._put_aside = Tokens(0, 0)

    def worst(self, request: Request) -> Tokens:
        """Return the most tokens that a request may need; a prompt has no more than bytes."""
        sizes = [len(message["content"].encode()) + TEMPLATE_TOKENS for message in request.messages]
        return Tokens(sum(sizes), self._max_tokens)

    def lacks(self, request: Request) -> Cap | None:
        """Return the cap that a request could exceed, if everything under way costs the most."""
        tokens = self.paid.plus(self._put_aside).plus(self.worst(request))
        return next((cap for cap in self._caps if cap.cost(tokens) > cap.share), None)

    @property
    def waits(self) -> bool:
        """Whether anything is put aside, so that some of it may yet come back."""
        return self._put_aside != Tokens(0, 0)

    def put_aside(self, request: Request) -> None:
        """Keep enough for a request that begins."""
        self._put_aside = self._put_aside.plus(self.worst(request))

    def take_back(self, request: Request) -> None:
        """Free what was put aside for a request that has ended."""
        self._put_aside = self._put_aside.minus(self.worst(request))

    def pay(self, request: Request, prompt: int | None, response: int | None) -> Tokens:
        """Count a response's tokens, the most that it may have where unknown, and return them."""
        worst = self.worst(request)
        tokens = Tokens(
            worst.prompt if prompt is None else prompt,
            worst.response if response is None else response,
        )
        self.paid = self.paid.plus(tokens)
        return tokens

    def refusal(self, cap: Cap, request: Request, missing: int) -> str:
        """Return the line that says why a job ends with ``missing`` rows."""
        return (
            f"server.budget.{cap.name}: this job's share is {cap.share:.10g} ({cap.total:.10g} "
            f"for {cap.shares} jobs), of which {cap.cost(self.paid):.10g} is spent, and the next "
            f"request could cost {cap.cost(self.worst(request)):.10g}; {missing} rows are missing, "
            "finished ones are kept: a higher budget goes on from them"
        )


def _caps(config: Mapping[str, Any]) -> list[Cap]:
    server = config.get("server", {})
    budget, price = server.get("budget", {}), server.get("price", {})
    prices = {
        "tokens": (1.0, 1.0),
        "money": (price.get("input", 0) / 1e6, price.get("output", 0) / 1e6),
    }
    return [
        Cap(name, budget[name], config["shares"], prices[name])
        for name in prices
        if budget.get(name) is not None
    ]
