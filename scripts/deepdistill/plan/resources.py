"""What a cluster's scheduler is asked for: GPUs, memory and time of a job's first attempt."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from deepdistill.plan.cluster import Cluster
from deepdistill.plan.estimate import Estimator
from deepdistill.plan.rates import Rates
from deepdistill.plan.work import Workload

SHORTEST = 10
"""Minutes that every job may take: nodes and file systems have slow days."""

SAFETY = 1.5
"""Time that is asked for, compared with the high estimate: a killed job starts anew."""


@dataclass(frozen=True, slots=True)
class Resources:
    """Of one job; memory is per node, in MiB, ``runtime`` in minutes, ``gpu`` on all nodes."""

    gpu: int
    gpu_kind: str | None
    nodes: int
    threads: int
    mem_mb: int
    runtime: int
    disk_mb: int


def requester(
    config: Mapping[str, Any], cluster: Cluster, rates: Rates
) -> Callable[[str, Mapping[str, str]], Resources]:
    """Return the function that says what a job of a rule with these wildcards asks for.

    It rests on the expected work of a whole job, although rows may be kept: what is there already
    is not looked at. Jobs that differ in their shard alone ask for the same, computed once.
    """
    workload, estimator = Workload(config, rates), Estimator(config, cluster, rates)
    longest = int(cluster.settings["longest_job_h"] * 60)

    @cache
    def requested(rule: str, about: tuple[tuple[str, str], ...]) -> Resources:
        wildcards = dict(about)
        estimate = estimator.estimate(workload.of(rule, wildcards), wildcards)
        runtime = math.ceil(estimate.seconds.high * SAFETY / 60)
        return Resources(
            gpu=estimate.gpus,
            gpu_kind=estimate.gpu_kind,
            nodes=estimate.nodes,
            threads=estimate.threads,
            mem_mb=100 * math.ceil(estimate.mem_mb / 100),
            runtime=min(max(SHORTEST, runtime), longest),
            disk_mb=1000 + math.ceil(estimate.disk_bytes / 1e6),
        )

    def of_job(rule: str, wildcards: Mapping[str, str]) -> Resources:
        return requested(rule, tuple((n, v) for n, v in wildcards.items() if n != "shard"))

    return of_job
