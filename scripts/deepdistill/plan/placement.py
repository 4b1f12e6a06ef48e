"""Where a job runs: its settings, its model, and how many GPUs and cores it holds."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

from deepdistill.plan.cluster import Cluster, Model
from deepdistill.plan.memory import gpu_bytes, node_bytes
from deepdistill.slices import EMBEDDING, other_models

Config = Mapping[str, Any]

VERIFICATION_RULES = {
    "judge_responses": "judge",
    "reward_responses": "reward",
    "measure_perplexity": "perplexity",
}
"""Rules that ask a model of the section ``verification``, and its name there."""

EMBEDDING_RULES = ("embed_queries", "embed_questions")
"""Rules that embed texts with the model of the section ``queries``."""

PARALLEL_SIZES = ("tensor_parallel_size", "pipeline_parallel_size", "data_parallel_size")
"""Engine arguments of vLLM whose product is the number of GPUs."""

THREADS = {
    "check_responses": 16,
    "match_embeddings": 16,
    "generate_adaptively": 16,  # it verifies too
    "measure_difficulty": 8,
    "select_responses": 4,
}
"""Cores of jobs that use more than one without a GPU."""

THREADS_PER_GPU = 8

OVERHEAD = 1.2
"""Memory of a model that writes or reads, compared with its weights'."""


def settings_of(config: Config, rule: str, wildcards: Mapping[str, str]) -> dict[str, Any]:
    """Return the section of the configuration that says how a job uses a model.

    An evaluated model runs as its benchmark says. A job without a model has no GPUs.
    """
    if rule in VERIFICATION_RULES:
        return dict(config["verification"].get(VERIFICATION_RULES[rule]) or {"gpus": 0})
    if rule in EMBEDDING_RULES:
        return dict(config["queries"].get(EMBEDDING) or {"gpus": 0})
    if rule == "match_embeddings":
        embedding = config["queries"].get(EMBEDDING) or {"gpus": 0}
        return {"gpus": min(1, gpus_of(embedding))}  # it loads no model
    if rule in ("generate_responses", "generate_adaptively"):
        return dict(config["teachers"][wildcards["teacher"]])
    if rule == "train":
        return dict(config["training"]["recipes"][wildcards["recipe"]])
    if rule == "identify_model":
        named = {**other_models(config), **config["training"]["students"], **config["teachers"]}
        return {**named.get(wildcards["model"], {}), "gpus": 0, "nodes": 1}
    if rule == "evaluate":
        name, training = wildcards["model"], config["training"]
        named = {**training["students"], **training["recipes"], **config["teachers"]}[name]
        benchmark = config["evaluation"]["benchmarks"][wildcards["benchmark"]]
        return {**benchmark, **{key: named[key] for key in ("model", "parent") if key in named}}
    return {"gpus": 0}


def model_of(config: Config, cluster: Cluster, settings: Mapping[str, Any]) -> Model | None:
    """Return the model that a job loads, if it does; a recipe's is its first ancestor."""
    training = config["training"]
    while "parent" in settings:
        parent = settings["parent"]
        settings = training["recipes"].get(parent) or training["students"][parent]
    if settings.get("backend") in ("openai", "published") or "model" not in settings:
        return None
    return cluster.model(settings["model"])


def gpus_of(settings: Mapping[str, Any]) -> int:
    """Return the GPUs of a job on all its nodes: as configured, else what the backend needs."""
    if "gpus" in settings:
        return int(settings["gpus"])
    backend = settings.get("backend")
    if backend == "vllm":
        return math.prod(int(settings["engine"].get(name, 1)) for name in PARALLEL_SIZES)
    return 0 if backend in ("openai", "published") else 1


def threads_of(rule: str, gpus: int, nodes: int, cluster: Cluster) -> int:
    """Return the cores of a job on each of its nodes."""
    most: int = cluster.settings["largest_node"]["threads"]
    return min(most, max(THREADS.get(rule, 1), THREADS_PER_GPU * gpus // nodes))


def too_large(config: Config, cluster: Cluster) -> Iterator[str]:
    """Yield a line for each model that does not fit the memory of its GPUs, or of their node."""
    others = other_models(config)
    named = [(f"teachers.{name}", teacher) for name, teacher in config["teachers"].items()]
    sections = {name: "queries" if name == EMBEDDING else "verification" for name in others}
    named += [(f"{sections[name]}.{name}", settings) for name, settings in others.items()]
    recipes = config["training"]["recipes"].items()
    named += [(f"training.recipes.{name}", recipe) for name, recipe in recipes]
    node = cluster.settings["largest_node"]["mem_mb"] * 2**20
    for name, settings in named:
        model, gpus = model_of(config, cluster, settings), gpus_of(settings)
        if model is None or not gpus:
            continue
        kind = cluster.gpu_kinds[model.gpu_kind]
        needed, beside = OVERHEAD * model.weights_bytes, 0.0
        if "parent" in settings:
            needed = gpus * gpu_bytes(settings, model.parameters, gpus)
            beside = node_bytes(settings, model.parameters, gpus, settings["nodes"])
        if needed / 1e9 > gpus * kind.memory_gb:
            yield (
                f"{name}: {model.name} needs about {needed / 1e9:,.0f} GB, "
                f"{gpus} × {kind.name} have {gpus * kind.memory_gb:,.0f} GB"
            )
        if beside > node:
            yield (
                f"{name}: {model.name} needs about {beside / 1e9:,.0f} GB of a node's own memory, "
                f"the largest has {node / 1e9:,.0f} GB"
            )
