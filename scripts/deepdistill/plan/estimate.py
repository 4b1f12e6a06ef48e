"""How long a job takes, what it needs and what it costs."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from deepdistill.plan.cluster import Cluster, GpuKind, Model
from deepdistill.plan.memory import node_bytes
from deepdistill.plan.placement import (
    EMBEDDING_RULES,
    VERIFICATION_RULES,
    gpus_of,
    model_of,
    settings_of,
    threads_of,
)
from deepdistill.plan.ranges import Range
from deepdistill.plan.rates import Rates, RatesUsed
from deepdistill.plan.speed import Speed
from deepdistill.plan.work import MAKERS, Rows, Work

WRITING = ("generate_responses", "generate_adaptively", "judge_responses", "evaluate")
"""Rules whose jobs write text with a model; they are timed by the tokens that they write."""

READING = ("reward_responses", "measure_perplexity", *EMBEDDING_RULES)
"""Rules whose jobs read text with a model; they are timed by the tokens that they read."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """One job: what it takes, what it holds meanwhile, what it reads, writes and costs.

    ``seconds`` are those on its machine, ``start_up`` of them before its first row; ``mem_mb`` is
    per node, ``gpus`` on all nodes; ``rests_on`` has the names of the rates that were used.
    """

    seconds: Range = field(default_factory=Range)
    start_up: float = 0.0
    gpus: int = 0
    gpu_kind: str | None = None
    nodes: int = 1
    threads: int = 1
    mem_mb: int = 0
    tokens_in: Range = field(default_factory=Range)
    tokens_out: Range = field(default_factory=Range)
    disk_bytes: float = 0.0
    money: Range = field(default_factory=Range)
    rests_on: tuple[str, ...] = ()

    @property
    def gpu_hours(self) -> Range:
        """GPUs times hours."""
        return self.seconds.times(self.gpus / 3600)

    @property
    def cpu_hours(self) -> Range:
        """Cores times hours, of a job without a GPU (a GPU's price includes its node)."""
        return self.seconds.times(0 if self.gpus else self.threads * self.nodes / 3600)


class Estimator:
    """Estimates jobs of one configuration on one cluster.

    ``remote`` jobs hold what they asked for also while Snakemake starts anew within them. A job has
    no more than ``cores``.

    Example:
        >>> estimator = Estimator(config, cluster, rates)
        >>> estimator.estimate(workload.of("train", {"recipe": "stage1"}), {"recipe": "stage1"})
    """

    def __init__(
        self,
        config: Mapping[str, Any],
        cluster: Cluster,
        rates: Rates,
        remote: bool = False,
        cores: float = math.inf,
    ) -> None:
        self._config = config
        self._cluster = cluster
        self._rates = rates
        self._remote = remote
        self._cores = cores

    def estimate(self, work: Work, wildcards: Mapping[str, str]) -> Estimate:
        """Return what a job takes that has ``work`` to do.

        A job without rows to compute does not load its model, and is over after its start.
        """
        job = _Job(
            self._config, self._cluster, RatesUsed(self._rates), work, wildcards, self._cores
        )
        tokens_in, tokens_out = job.tokens_in, job.tokens_out
        start_up = job.start_up
        if self._remote:
            start_up += Range.of(job.rates.find("start_up.cluster"))
        seconds = start_up + job.busy
        return Estimate(
            seconds=seconds,
            start_up=start_up.expected,
            gpus=job.gpus,
            gpu_kind=job.kind.name if job.kind else None,
            nodes=job.nodes,
            threads=job.threads,
            mem_mb=job.mem_mb(),
            tokens_in=tokens_in,
            tokens_out=tokens_out,
            disk_bytes=job.disk_bytes(),
            money=seconds.times(job.price_per_hour / 3600) + job.price_of_tokens(),
            rests_on=job.rates.names,
        )


class _Job:
    """The parts of one job's estimate."""

    def __init__(
        self,
        config: Mapping[str, Any],
        cluster: Cluster,
        rates: RatesUsed,
        work: Work,
        wildcards: Mapping[str, str],
        cores: float,
    ) -> None:
        self.config = config
        self.cluster = cluster
        self.rates = rates
        self.work = work
        self.wildcards = wildcards
        self.settings = settings_of(config, work.rule, wildcards)
        self.gpus = gpus_of(self.settings)
        self.nodes: int = self.settings.get("nodes", 1)
        self.threads = int(min(cores, threads_of(work.rule, self.gpus, self.nodes, cluster)))
        self.model: Model | None = model_of(config, cluster, self.settings)
        self.kind: GpuKind | None = None
        if self.gpus:
            self.kind = cluster.gpu_kind(self.model.name if self.model else None)

    @cached_property
    def tokens_in(self) -> Range:
        """Tokens that a model reads: the prompts, of an answer that is judged the answer too."""
        rule = self.work.rule
        if not self.work.total or rule not in (*WRITING, *READING, "train"):
            return Range()
        prompt = self.rates.find("tokens_in", self.teacher)
        prompts = Range.of(prompt, self.work.total)
        answers = rule in VERIFICATION_RULES
        return prompts + self.lengths(self.work.rows) if answers else prompts

    @cached_property
    def tokens_out(self) -> Range:
        """Tokens that a model writes; of training those that it learns to write."""
        rule = self.work.rule
        if not self.work.total:
            return Range()
        if rule == "train":
            rate = self.rates.find("tokens_out", self.work.subject, *self.work.rows)
            tokens = self.work.total * (self.work.tokens_out or 0.0)
            return Range(tokens / rate.spread, tokens, tokens * rate.spread)
        if rule in ("judge_responses", "evaluate"):
            about = (self.wildcards.get("benchmark"), self.wildcards.get("model"))
            rate = self.rates.find("tokens_out", rule, *about)
            limit = self.settings.get("max_tokens", self.settings.get("max_new_tokens"))
            return Range.of(rate, self.work.total).at_most(self.work.total * (limit or math.inf))
        return self.lengths(self.work.rows) if rule in WRITING else Range()

    @property
    def teacher(self) -> str | None:
        """Whose responses the rows are, None if they are no teacher's."""
        if "teacher" in self.wildcards:
            return self.wildcards["teacher"]
        name = self.wildcards.get("set")
        if "recipe" in self.wildcards:
            name = self.config["training"]["recipes"][self.wildcards["recipe"]]["dataset"]
        return None if name is None else str(self.config["selection"][name]["teacher"])

    def lengths(self, rows: Rows) -> Range:
        """Tokens of a teacher's responses, which its limit cuts."""
        assert self.teacher is not None
        limit = self.config["teachers"][self.teacher].get("max_tokens", math.inf)
        total = Range()
        for category, count in rows.items():
            total = total + Range.of(self.rates.find("tokens_out", self.teacher, category), count)
        return total.at_most(limit * sum(rows.values()))

    @cached_property
    def start_up(self) -> Range:
        """Seconds before the first row: the interpreter's, then the engine's and the weights'."""
        start = self.rates.find("start_up", self.work.rule, self.work.subject)
        seconds = Range.of(start)
        if start.jobs or not self.kind or not self.model or not self.work.total:
            return seconds
        engine = Range.of(self.rates.find("start_up.gpu"))
        return seconds + engine + self.weights.over(self.rates.find("load_gb_per_second"))

    @property
    def weights(self) -> Range:
        """Gigabytes of the model's weights."""
        gigabytes = self.model.weights_bytes / 1e9 if self.model else 0.0
        return Range(gigabytes, gigabytes, gigabytes)

    @cached_property
    def busy(self) -> Range:
        """Seconds between the start and the end."""
        rule = self.work.rule
        if rule == "identify_model" and self.model:
            if self.rates.find("start_up", rule, self.work.subject).jobs:
                return Range()  # it was measured with the rest
            return self.weights.over(self.rates.find("identify_gb_per_second"))
        if not self.work.total:
            return Range()
        subject = rule if rule in (*VERIFICATION_RULES, *EMBEDDING_RULES) else self.work.subject
        speed = Speed(self.cluster, self.rates, self.model, self.kind, self.gpus, subject)
        if rule in WRITING:
            return self.tokens_out.over(speed.writing())
        if rule in READING:
            return self.tokens_in.over(speed.reading())
        if rule == "train":
            return self.trained.over(speed.training())
        return self.by_rows()

    @property
    def trained(self) -> Range:
        """Tokens that a model is trained on; a set's are not like all of its teacher's."""
        if measured := self.rates.measured("tokens_trained", self.work.subject):
            return Range.of(measured, self.work.total)
        return self.tokens_in + self.tokens_out

    def by_rows(self) -> Range:
        """Seconds of a job that works row by row on its cores."""
        rule, total = self.work.rule, Range()
        for category, count in self.work.rows.items():
            rate = self.rates.find("seconds_per_row", rule, category or None)
            total = total + Range.of(rate, count)
        return total.times(1 / self.threads)

    def disk_bytes(self) -> float:
        """Bytes that the job's rows, or its checkpoint, take on disk."""
        rule, rows = self.work.rule, self.work.total * self.rates.find("bytes_per_row").value
        if rule == "train":
            return self.model.weights_bytes if self.model else 0.0
        if rule in (*MAKERS, "export_dataset", "export_published"):
            rows += self.lengths(self.work.rows).expected * self.rates.find("bytes_per_token").value
        return rows

    def mem_mb(self) -> int:
        """MiB on each node: of the program, the weights, and the texts of a job's rows."""
        needed = self.rates.find("memory_mb", self.work.rule).value
        if self.gpus:
            needed += self.rates.find("memory_mb.gpu").value
        if self.model and (self.gpus or self.model.source != "unknown"):
            needed += self.model_bytes(self.model) / 2**20
        if self.work.rule in (*WRITING, *READING, *MAKERS, "check_responses"):
            per_token = self.rates.find("memory_bytes_per_token").value
            tokens = (
                self.lengths(self.work.rows) if "teacher" in self.wildcards else self.tokens_out
            )
            needed += tokens.high * per_token / 2**20
        return int(min(needed, self.cluster.settings["largest_node"]["mem_mb"]))

    def model_bytes(self, model: Model) -> float:
        """Bytes of a model on each node."""
        if self.work.rule == "identify_model":
            return 0  # it is read piece by piece
        if self.work.rule == "train":
            return node_bytes(self.settings, model.parameters, self.gpus, self.nodes)
        return model.weights_bytes / self.nodes

    @property
    def price_per_hour(self) -> float:
        """Of everything that the job holds."""
        if self.kind:
            return self.kind.price_per_hour * self.gpus
        return float(self.cluster.settings["price_per_core_hour"]) * self.threads * self.nodes

    def price_of_tokens(self) -> Range:
        """What a server takes for the job's tokens."""
        if self.settings.get("backend") != "openai":
            return Range()
        price = self.settings["server"]["price"]
        return self.tokens_in.times(price["input"] / 1e6) + self.tokens_out.times(
            price["output"] / 1e6
        )
