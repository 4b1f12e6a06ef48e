"""How many tokens a job writes, reads or trains on in a second."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise

from deepdistill.plan.cluster import Cluster, GpuKind, Model
from deepdistill.plan.rates import Rate, RatesUsed

READ_OPERATIONS, TRAIN_OPERATIONS = 2, 6
"""Floating-point operations for a parameter and a token: forward; forward and backward."""


class Speed:
    """The speed of one job on its GPUs, or on none.

    Measured tokens per second (of one GPU, or of a job without) go before everything else.
    """

    def __init__(
        self,
        cluster: Cluster,
        rates: RatesUsed,
        model: Model | None,
        kind: GpuKind | None,
        gpus: int,
        subject: str | None,
    ) -> None:
        self._cluster = cluster
        self._rates = rates
        self._model = model
        self._kind = kind
        self._gpus = gpus
        self._subject = subject

    def writing(self) -> Rate:
        """Output tokens per second: the model's own, or by its size."""
        if measured := self._measured("written_per_second"):
            return measured
        model, kind = self._model, self._kind
        if model is None or kind is None:
            return self._rates.find("written_per_second", self._subject)
        known = self._cluster.settings["models"].get(model.name, {}).get("tokens_per_second")
        if known:
            self._rates.note(f"models.{model.name}.tokens_per_second")
            return _times(Rate(**known), self._gpus)
        table = self._cluster.settings["generation_speed"]
        self._rates.note("generation_speed")
        value = _interpolated(table["by_parameters"], model.active)
        rate = Rate(value, table["spread"], table["source"])
        return _times(rate, kind.speed * self._gpus)

    def reading(self) -> Rate:
        """Tokens per second through a model that writes nothing."""
        return self._by_operations("read_per_second", "reading_utilisation", READ_OPERATIONS)

    def training(self) -> Rate:
        """Tokens per second of training."""
        return self._by_operations("trained_per_second", "training_utilisation", TRAIN_OPERATIONS)

    def _by_operations(self, name: str, utilisation: str, operations: int) -> Rate:
        if measured := self._measured(name):
            return measured
        if self._model is None or self._kind is None:
            return self._rates.find(name, self._subject)
        share = self._rates.find(utilisation)
        peak = self._kind.tflops * 1e12 * self._gpus
        return _times(share, peak / (operations * self._model.active))

    def _measured(self, name: str) -> Rate | None:
        """A rate that jobs have shown, for all GPUs of this job."""
        rate = self._rates.measured(name, self._subject)
        return _times(rate, max(1, self._gpus)) if rate else None


def _times(rate: Rate, factor: float) -> Rate:
    return Rate(rate.value * factor, rate.spread, rate.source, rate.jobs)


def _interpolated(points: Sequence[Mapping[str, float]], parameters: float) -> float:
    """The value on a line through the points in logarithms; beyond the last in proportion."""
    for low, high in pairwise(points):
        if parameters <= high["parameters"]:
            span = math.log(high["parameters"] / low["parameters"])
            share = max(0.0, math.log(parameters / low["parameters"]) / span)
            return low["value"] * float((high["value"] / low["value"]) ** share)
    last = points[-1]
    return last["value"] * last["parameters"] / parameters
