"""Which part of the configuration each rule uses.

A rule's slice is both what its script is given and what Snakemake compares, so that an edit makes
stale what uses it and nothing else. A key that no slice holds has no effect; a test says so.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Config = Mapping[str, Any]


def make_demo_sources(config: Config) -> dict[str, Any]:
    """Return the settings of the demo's questions."""
    return {"seed": config["seed"], **config["demo"]["sources"]}


def train_demo_model(config: Config, model: str) -> dict[str, Any]:
    """Return the settings of one of the demo's models."""
    return {"seed": config["seed"], **config["demo"]["models"].get(model, {})}


def clean_source(config: Config, source: str) -> dict[str, Any]:
    """Return how a source's rows are read."""
    settings = config["sources"][source]
    names = ("category", "category_field", "question", "reference", "reference_pattern")
    return {
        "unusual_characters": config["queries"]["unusual_characters"],
        **{name: settings[name] for name in names if name in settings},
    }


def filter_queries(config: Config) -> dict[str, Any]:
    """Return the filters' settings and each benchmark's name and question field, in order."""
    return {
        "near_duplicates": config["queries"]["near_duplicates"],
        "contamination_ngram": config["queries"]["contamination_ngram"],
        "benchmarks": [
            [name, benchmark["question"]]
            for name, benchmark in config["evaluation"]["benchmarks"].items()
        ],
    }


def shard_queries(config: Config) -> int:
    """Return the number of shards."""
    shards: int = config["shards"]
    return shards


def identify_model(config: Config, model: str) -> dict[str, str]:
    """Return the ``model`` folder or the ``published`` file of a teacher or student."""
    settings = config["teachers"].get(model) or config["training"]["students"][model]
    if settings.get("backend") == "published":
        return {"published": settings["data"]}
    return {"model": settings["model"]}


def generate_responses(config: Config, teacher: str) -> dict[str, Any]:
    """Return a teacher's settings; prompt and model count by their content."""
    settings = config["teachers"][teacher]
    elsewhere = ("prompt", "model", "data")
    return {"seed": config["seed"], **{k: v for k, v in settings.items() if k not in elsewhere}}


def verify_responses(config: Config) -> dict[str, Any]:
    """Return the verifiers' settings and the thresholds."""
    return dict(config["verification"])


def measure_difficulty(config: Config) -> dict[str, Any]:
    """Return teachers, ``ddof`` and grades."""
    return {"teachers": list(config["teachers"]), **config["difficulty"]}


def select_responses(config: Config, set: str) -> dict[str, Any]:
    """Return a set's rule and its settings."""
    return dict(config["selection"][set])


def export_dataset(config: Config, set: str) -> dict[str, Any]:
    """Return the set's entry and the sources' licences, for the data card."""
    licences = {name: source["licence"] for name, source in config["sources"].items()}
    return {"set": select_responses(config, set), "licences": licences}


def train(config: Config, recipe: str) -> dict[str, Any]:
    """Return a recipe without the names of its parent and data set: their content counts."""
    settings = config["training"]["recipes"][recipe]
    return {k: v for k, v in settings.items() if k not in ("parent", "dataset")}


def evaluate(config: Config, benchmark: str) -> dict[str, Any]:
    """Return a benchmark's sampling settings and the verifiers' settings."""
    settings = config["evaluation"]["benchmarks"][benchmark]
    sampling = {k: v for k, v in settings.items() if k not in ("task", "data", "question")}
    return {**sampling, "verification": config["verification"]}


def report(config: Config) -> dict[str, Any]:
    """Return the names of what the report shows, in the configuration's order."""
    return {
        "sources": list(config["sources"]),
        "teachers": list(config["teachers"]),
        "sets": list(config["selection"]),
        "grades": [grade["name"] for grade in config["difficulty"]["grades"]],
        "recipes": list(config["training"]["recipes"]),
        "parents": {name: r["parent"] for name, r in config["training"]["recipes"].items()},
        "benchmarks": list(config["evaluation"]["benchmarks"]),
        "models": config["evaluation"]["models"],
    }
