# Functions that the rules share: paths of artifacts, slices of the configuration, code digests.
# Nothing here reads data or writes; what is expensive is done when a job's parameters are needed.

import os
import sys
from functools import cache
from pathlib import Path

# Jobs call the python that runs Snakemake, also where its environment is not activated.
os.environ.update(
    PATH=f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"
)
sys.path.insert(0, str(Path(workflow.current_basedir).parent / "scripts"))

from deepdistill import slices
from deepdistill.codedigest import code_digest
from deepdistill.config import check_config, check_inputs
from deepdistill.errors import InputError
from deepdistill.files import canonical_json
from deepdistill.keys import shard_names


def checked_config(config):
    """The configuration with defaults, or the end with one line that says what is wrong."""
    try:
        checked = check_config(config)
        check_inputs(checked)
    except InputError as error:
        sys.exit(f"error: {error}")
    return checked


def content(**paths):
    """Inputs that count by content: the artifact as ancient, and its digest file beside it."""
    inputs = {}
    for name, path in paths.items():
        listed = [path] if isinstance(path, str) else path
        digests = [p.removesuffix(".parquet") + ".digest.json" for p in listed]
        inputs[name] = ancient(path)
        inputs[f"{name}_digest"] = digests
    return inputs


def sliced(function):
    """A params function: the rule's slice of the configuration as canonical JSON."""
    return lambda wildcards: canonical_json(function(config, **wildcards))


def code(script):
    """A params function: the digest of the script's code."""
    return lambda wildcards: script_digest(script)


@cache
def script_digest(script):
    return code_digest(Path("scripts") / f"{script}.py")


def model_folder(name):
    """The folder of a teacher, student or recipe."""
    if name in config["training"]["recipes"]:
        return f"{config['pathvars']['results']}/checkpoints/{name}/model"
    return (config["teachers"].get(name) or config["training"]["students"][name])[
        "model"
    ]


def model_identity(name):
    """The small file that changes when the model does."""
    if name in config["training"]["recipes"]:
        return f"<results>/checkpoints/{name}/checkpoint.json"
    return f"<results>/models/{name}.json"


def model_source(wildcards):
    """What the identity of a teacher or student is made of."""
    settings = slices.identify_model(config, wildcards.model)
    if "published" in settings:
        return [settings["published"]]
    folder = settings["model"]
    if folder.startswith(config["pathvars"]["results"]):
        return [f"{folder}/config.json"]
    return sorted(str(path) for path in Path(folder).iterdir() if path.is_file())


def selected_teacher(wildcards):
    return config["selection"][wildcards.set]["teacher"]


def recipe(wildcards):
    return config["training"]["recipes"][wildcards.recipe]


def benchmark(wildcards):
    return config["evaluation"]["benchmarks"][wildcards.benchmark]


def of_shards(artifact, teacher, suffix):
    """A teacher's files of all shards, in shard order."""
    return [f"<results>/{artifact}/{teacher}/{shard}.{suffix}" for shard in SHARDS]
