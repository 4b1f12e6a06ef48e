"""What SLURM is asked for: one line of sbatch for each rule and whatever but the shard it is about.

    python tests/slurm/sbatch_lines.py FILE CONFIG...

The lines are made by the plugin, of the jobs that a dry-run with the profile shows.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from snakemake import api, cli
from snakemake_executor_plugin_slurm.submit_string import get_submit_command
from snakemake_executor_plugin_slurm.utils import set_gres_string

UNTOLD = "--parsable --job-name NAME --output LOG --export=ALL --comment COMMENT"
"""What the plugin says of every job, of which each has its own."""

SAID = {"run_uuid": "NAME", "slurm_logfile": "LOG", "comment_str": "COMMENT", "workdir": None}


def planned(configs: list[str]) -> tuple[list[Any], Any]:
    """Return the jobs of a dry-run, and the executor's settings."""
    found: dict[str, Any] = {}
    execute = api.DAGApi.execute_workflow

    def keep(self: Any, *words: Any, **named: Any) -> None:
        execute(self, *words, **named)
        workflow = self.workflow_api._workflow
        found["jobs"] = list(workflow.dag.jobs)
        found["settings"] = workflow.executor_settings

    api.DAGApi.execute_workflow = keep
    try:
        words = ["all", "--profile", "slurm", "--dry-run", "--quiet", "rules", "progress"]
        parser, options = cli.parse_args([*words, "--configfile", *configs])
        if not cli.args_to_api(options, parser):
            sys.exit("error: the dry-run failed")
    finally:
        api.DAGApi.execute_workflow = execute
    return found["jobs"], found["settings"]


def lines(configs: list[str]) -> list[str]:
    """Return the lines, sorted; of shards and their like the same line stands there once."""
    jobs, settings = planned(configs)
    made = set()
    for job in jobs:
        if job.rule.name == "all":  # runs where Snakemake does
            continue
        about = [f"{n}={v}" for n, v in job.wildcards_dict.items() if n not in ("shard", "hundred")]
        place = {
            "account": f"-A {job.resources.slurm_account}",
            "partition": f"-p {job.resources.slurm_partition}",
        }
        line = get_submit_command(job, SAID | place, settings) + set_gres_string(job)
        made.add(" ".join([job.rule.name, *about, "|", *line.replace(UNTOLD, "").split()]))
    return sorted(made)


if __name__ == "__main__":
    Path(sys.argv[1]).write_text("".join(f"{line}\n" for line in lines(sys.argv[2:])))
