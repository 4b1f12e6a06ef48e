"""Which part of the configuration each rule uses.

A rule's slice is both what its script is given and what Snakemake compares, so that an edit makes
stale what uses it and nothing else. A key that no slice holds has no effect; a test says so.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Config = Mapping[str, Any]

VERIFIED = ("math", "code", "instruction_following")
"""Categories whose verifiers have settings in the configuration's section ``verification``."""

CONTENT = ("prompt", "model", "revision")
"""Settings that name files or models, which count by their content."""

VERIFICATION_MODELS = ("judge", "reward", "perplexity")
"""Names under which the section ``verification`` may have a model."""

PUBLISHED = ("files", "question", "response", "score")
"""What a teacher's settings say of the rows of published data."""


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
    """Return the filters' settings, the sources and each benchmark's question field, in order.

    The order of the sources decides which of two duplicates is kept, and Snakemake compares the
    inputs without their order.
    """
    return {
        "sources": list(config["sources"]),
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
    """Return what a model's identity is made of.

    ``model`` is a teacher, a student or one of :data:`VERIFICATION_MODELS`. The result has
    ``model`` (a folder, or with ``revision`` a hub repository) or ``served``, the model's name on
    a server.
    """
    verification = config["verification"]
    used = {name: verification[name] for name in VERIFICATION_MODELS if verification.get(name)}
    settings = {**used, **config["training"]["students"], **config["teachers"]}[model]
    if settings.get("backend") == "openai":
        names = {"served": "model", "revision": "revision"}
        return {option: settings[name] for option, name in names.items() if name in settings}
    return {name: settings[name] for name in ("model", "revision") if name in settings}


def generate_responses(config: Config, teacher: str) -> dict[str, Any]:
    """Return a teacher's settings; prompt and model count by their content.

    ``only`` has the condition, the teachers that it names and how their columns are computed. A
    budget is shared equally by the shards.
    """
    settings = config["teachers"][teacher]
    own = _without(_of_backend(settings, config["shards"]), *CONTENT, "data", *PUBLISHED)
    if "only" in settings:
        own["only"] = {
            "where": settings["only"],
            "teachers": teachers_waited_for(config, teacher),
            **_measures(config),
        }
    return {**_seed(config, settings), **own}


def generate_adaptively(config: Config, teacher: str) -> dict[str, Any]:
    """Return the same with what decides a query's passes: the verifiers, thresholds, measures."""
    thresholds = {name: config["verification"]["thresholds"][name] for name in VERIFIED}
    return {
        **generate_responses(config, teacher),
        "verification": {**check_responses(config), "thresholds": thresholds},
        **_measures(config),
    }


def teachers_waited_for(config: Config, teacher: str) -> list[str]:
    """Return the teachers whose verdicts decide which queries a teacher is asked."""
    if "only" not in config["teachers"][teacher]:
        return []
    # Imported where it is needed: planning without such a teacher does not load DuckDB.
    from deepdistill.responses.asking import named_teachers

    return named_teachers(config["teachers"][teacher]["only"], config["teachers"])


def collect_published(config: Config, teacher: str) -> dict[str, Any]:
    """Return which files of published data are read, and which fields; the data is an input."""
    settings = config["teachers"][teacher]
    return {name: settings[name] for name in PUBLISHED if name in settings}


def take_responses(config: Config, teacher: str) -> dict[str, Any]:
    """Return how many passes of published responses are taken, and what they look like."""
    settings = config["teachers"][teacher]
    return {name: settings[name] for name in ("passes", "format")}


def check_responses(config: Config) -> dict[str, Any]:
    """Return the verifiers' settings, by category."""
    return {name: config["verification"][name] for name in VERIFIED}


def judge_responses(config: Config) -> dict[str, Any]:
    """Return the judge's settings; prompt and model count by their content.

    A budget is shared equally by all teachers' shards.
    """
    settings = config["verification"]["judge"]
    jobs = config["shards"] * len(config["teachers"])
    return {**_seed(config, settings), **_without(_of_backend(settings, jobs), *CONTENT)}


def reward_responses(config: Config) -> dict[str, Any]:
    """Return the reward model's settings; the model counts by its content."""
    return _without(config["verification"]["reward"], "model", "revision")


def measure_perplexity(config: Config) -> dict[str, Any]:
    """Return the settings of perplexity; the model counts by its content."""
    return _without(config["verification"]["perplexity"], "model", "revision")


def decide_verdicts(config: Config) -> dict[str, float]:
    """Return the score above which a response passes, by category."""
    return dict(config["verification"]["thresholds"])


def measure_difficulty(config: Config) -> dict[str, Any]:
    """Return teachers, ``ddof``, policies and grades."""
    return {"teachers": list(config["teachers"]), **config["difficulty"]}


def select_responses(config: Config, set: str) -> dict[str, Any]:
    """Return a set's rule and its settings; a budget set counts by its tokens."""
    return _without(config["selection"][set], "tokens_of")


def export_dataset(config: Config, set: str) -> dict[str, Any]:
    """Return the set's entry and the sources' licences, for the data card."""
    licences = {name: source["licence"] for name, source in config["sources"].items()}
    return {"set": select_responses(config, set), "licences": licences}


def train(config: Config, recipe: str) -> dict[str, Any]:
    """Return a recipe without the names of its parent and data set: their content counts."""
    return _without(config["training"]["recipes"][recipe], "parent", "dataset")


def evaluate(config: Config, benchmark: str) -> dict[str, Any]:
    """Return a benchmark's settings and those of its category's verification."""
    settings = config["evaluation"]["benchmarks"][benchmark]
    category = settings["category"]
    verification = {
        **_only(check_responses(config), category),
        "thresholds": _only(decide_verdicts(config), category),
    }
    return {**_without(settings, "task", "data", "question"), "verification": verification}


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


def _measures(config: Config) -> dict[str, Any]:
    """What decides a query's statistics beside its verdicts."""
    return {name: config["difficulty"][name] for name in ("ddof", "policies")}


def _seed(config: Config, settings: Mapping[str, Any]) -> dict[str, int]:
    """The seed, for a backend that draws what it writes."""
    return {"seed": config["seed"]} if settings["temperature"] > 0 else {}


def _of_backend(settings: Mapping[str, Any], jobs: int) -> dict[str, Any]:
    """The settings without those of other backends; with a budget, ``jobs`` have equal shares."""
    if settings["backend"] != "openai":
        return _without(settings, "server")
    server = settings["server"]
    unused = [] if server["budget"]["money"] is not None else ["price"]
    shares = {"shares": jobs}
    if server["budget"] == {"tokens": None, "money": None}:
        unused, shares = ["price", "budget"], {}
    local = ("batch_size", "dtype", "engine")
    return {**_without(settings, *local), "server": _without(server, *unused), **shares}


def _only(settings: Mapping[str, Any], name: str) -> dict[str, Any]:
    return {name: settings[name]} if name in settings else {}


def _without(settings: Mapping[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in settings.items() if name not in names}
