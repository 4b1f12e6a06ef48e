# Functions that the rules share: paths of artifacts, slices of the configuration, code digests.
# Nothing here reads data or writes; what is expensive is done when a job's parameters are needed.
#
# A rule's inputs are artifacts' digest files: small, compared by content, and accepted by every
# script in the artifact's place. Outputs flagged update(...) are still there when the job starts, so
# that it can keep rows.

import gc
import inspect
import os
import signal
import sys
from functools import cache
from pathlib import Path

from snakemake.common import overwrite_function_params
from snakemake.resources import Resource

# Jobs call the python that runs Snakemake, also where its environment is not activated.
os.environ.update(
    PATH=f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"
)
sys.path.insert(0, str(Path(workflow.current_basedir).parent / "scripts"))

from deepdistill import artifacts, slices
from deepdistill.cluster.orphans import end_orphans, leave_records_to_the_submitter
from deepdistill.cluster.request import (
    PLACED,
    PLAIN,
    WITH_MODELS,
    Limits,
    Site,
    request,
)
from deepdistill.codedigest import code_digest
from deepdistill.config import check_config, check_inputs
from deepdistill.errors import InputError
from deepdistill.files import canonical_json
from deepdistill.keys import shard_names
from deepdistill.plan import listener
from deepdistill.plan.cluster import Cluster
from deepdistill.plan.pilot import pilot_config
from deepdistill.plan.rates import read_rates
from deepdistill.plan.resources import requester
from deepdistill.responses.passes import adaptive_teachers
from deepdistill.responses.published.files import data_files

# A plan is made of objects that all stay: looking through them for garbage, again and again while
# they become more, is a quarter of a dry-run of thousands of jobs, and finds nothing.
gc.freeze()
gc.set_threshold(100_000)

# Signals go to a job's shell as well: it lets the program write what it has, and waits for it.
shell.prefix("set -euo pipefail; trap : TERM USR1; ")

if not workflow.is_main_process:
    # So do the Snakemakes around it, of which SIGUSR1 would be the end.
    signal.signal(signal.SIGUSR1, lambda number, frame: None)
    leave_records_to_the_submitter()

SITE = Site.from_defaults(workflow.resource_settings.default_resources or {})

OPTIONAL = {
    "judge": "judgements",
    "reward": "rewards",
    "perplexity": "perplexities",
}
"""Artifacts that exist if the configuration's section verification has an entry."""


def checked_config(config):
    """The configuration with defaults, or the end with one line that says what is wrong."""
    try:
        checked = check_config(pilot_config(config))
        check_inputs(checked)
        read_cluster(checked["cluster"])
    except InputError as error:
        sys.exit(f"error: {error}")
    return checked


def of_wildcards(function):
    """A function that Snakemake need not inspect anew for each job, which is most of a call."""
    overwrite_function_params(function, inspect.signature(function).parameters)
    return function


# Neither need it look at its own method, once for each resource of each job.
of_wildcards(Resource.evaluate)


def sliced(function):
    """A params function: the rule's slice of the configuration as canonical JSON.

    A slice is a function of the configuration and of the wildcards that it is named after.
    """
    names = [*inspect.signature(function).parameters][1:]
    text = cache(lambda *values: canonical_json(function(config, *values)))
    return of_wildcards(lambda wildcards: text(*(wildcards[name] for name in names)))


def code(script):
    """A params function: the digest of the script's code."""
    return of_wildcards(lambda wildcards: script_digest(script))


def threads_for(rule):
    """A threads function: cores of the rule's jobs, of each of their nodes."""
    return of_wildcards(lambda wildcards: scheduling()[0](rule, wildcards).threads)


def resources_for(rule):
    """A rule's resources: functions of a job's workload and, after a failure, of the attempt."""

    def resource(name):
        return of_wildcards(
            lambda wildcards, attempt: asked(scheduling()[0](rule, wildcards), attempt)[
                name
            ]
        )

    return {n: resource(n) for n in (PLACED if rule in WITH_MODELS else PLAIN)}


@cache
def asked(need, attempt):
    return request(need, attempt, SITE, scheduling()[1])


read_cluster = cache(Cluster.read)


@cache
def scheduling():
    """What says what a job needs, and the most that one can ask for."""
    cluster = read_cluster(config["cluster"])
    rates = read_rates(cluster, config["pathvars"]["results"])
    longest, node = cluster.settings["longest_job_h"], cluster.settings["largest_node"]
    limits = Limits(runtime=int(longest * 60), mem_mb=node["mem_mb"])
    return requester(config, cluster, rates), limits


def layout(wildcards, threads, resources):
    """Where a training's processes run; of resources, so that it makes nothing stale."""
    gpus, nodes = resources.get("gpu", 0), resources.get("nodes", 1)
    shared = slices.sharing(config, wildcards.recipe)
    return canonical_json({"gpus": gpus, "nodes": nodes, "threads": threads, **shared})


def repairs(artifact):
    """A params function: how often this shard of an artifact was found damaged."""
    pattern = (
        f"{config['pathvars']['results']}/{artifact}/{{teacher}}/{{shard}}.parquet"
    )
    return of_wildcards(
        lambda wildcards: artifacts.repairs(pattern.format(**wildcards))
    )


@cache
def script_digest(script):
    return code_digest(Path("scripts") / f"{script}.py")


def model_identity(name):
    """The small file that changes when the model does."""
    if name in config["training"]["recipes"]:
        return f"<results>/checkpoints/{name}/checkpoint.json"
    return f"<results>/models/{name}.json"


def model_source(wildcards):
    """The local files that an identity is made of; a hub repository has none."""
    settings = slices.identify_model(config, wildcards.model)
    if "revision" in settings or "served" in settings:
        return []
    folder = settings["model"]
    if folder.startswith(config["pathvars"]["results"]):
        return [f"{folder}/config.json"]
    return sorted(str(path) for path in Path(folder).iterdir() if path.is_file())


def published_teachers(teachers):
    """The teachers whose responses are published already."""
    return [
        name for name, teacher in teachers.items() if teacher["backend"] == "published"
    ]


def any_of(names):
    """A wildcard's pattern: one of the names, or nothing that there is where there are none."""
    return "|".join(sorted(names)) or "(?!)"


def verdicts_waited_for(wildcards):
    """Verdicts on a shard of the teachers that another one's `only` names."""
    return [
        f"<results>/verdicts/{teacher}/{wildcards.shard}.digest.json"
        for teacher in slices.teachers_waited_for(config, wildcards.teacher)
    ]


def published_data(wildcards):
    """The files of a teacher's published data."""
    settings = config["teachers"][wildcards.teacher]
    return [str(f.path) for f in data_files(settings["data"], settings["files"])]


def semantic_matches():
    """What embeddings say of the queries, if there is a model for them."""
    return "<results>/semantic/matches.digest.json" if EMBEDDING else []


def compared_benchmarks():
    """The benchmarks whose questions are looked for by embeddings."""
    looked_for = EMBEDDING and EMBEDDING["contamination"] is not None
    return list(config["evaluation"]["benchmarks"]) if looked_for else []


def templates(package):
    """An input function: the files that a package lays out its pages with."""
    folder = Path("scripts/deepdistill") / package / "templates"
    return of_wildcards(lambda wildcards: sorted(map(str, folder.iterdir())))


def selected_teacher(wildcards):
    return config["selection"][wildcards.set]["teacher"]


def budget_set(wildcards):
    """The summary of the set whose tokens are this set's budget, if it has one."""
    entry = config["selection"][wildcards.set]
    return (
        [f"<results>/selected/{entry['tokens_of']}.summary.json"]
        if "tokens_of" in entry
        else []
    )


def repetition_limited(wildcards):
    """What the set's teacher repeats, if the set limits it."""
    entry = config["selection"][wildcards.set]
    if entry["max_shared"] is None and entry["max_repeated"] is None:
        return []
    return f"<results>/repetition/{entry['teacher']}.digest.json"


def recipe(wildcards):
    return config["training"]["recipes"][wildcards.recipe]


def difficulty_of_samples(wildcards):
    """Where a curriculum finds how hard the samples are: the selected set of its data set."""
    settings = recipe(wildcards)
    if settings["order"] == "random":
        return []
    return f"<results>/selected/{settings['dataset']}.digest.json"


def benchmark(wildcards):
    return config["evaluation"]["benchmarks"][wildcards.benchmark]


def shards_of_job(shards):
    """Names of the shards that one job of shard_queries writes: all, or each hundred of them.

    Snakemake looks for the maker of an input among all outputs of a rule, one after the other, so
    of very many shards a job had better make a part: hundreds, where the number is a multiple.
    """
    if len(shards) % 100:
        return shards
    return [f"{{hundred}}{shard[3:]}" for shard in shards[:100]]


def folder_of(name, levels=1):
    """A params function: where these input files lie; they may be too many for a command line."""
    return lambda wildcards, input: str(Path(input[name][0]).parents[levels - 1])


def of_shards(artifact, teacher):
    """A teacher's artifacts of all shards, in shard order."""
    return [f"<results>/{artifact}/{teacher}/{shard}.digest.json" for shard in SHARDS]


def rows_of_teachers():
    """Every shard of all teachers' rows that models made: they come back when they were deleted."""
    made = ["responses"]
    made += [a for s, a in OPTIONAL.items() if s in config["verification"]]
    return expand(
        "<results>/{artifact}/{teacher}/{shard}.parquet",
        artifact=made,
        teacher=config["teachers"],
        shard=SHARDS,
    )


def counts_overruled(wildcards):
    """What rule and judge say of the same responses, if there is a judge."""
    if "judge" not in config["verification"]:
        return []
    return "<results>/judgements/overruled.json"


def if_configured(section):
    """A teacher's artifact of one shard, if the configuration has the verifier that makes it."""
    if section not in config["verification"]:
        return []
    return f"<results>/{OPTIONAL[section]}/{{teacher}}/{{shard}}.digest.json"
