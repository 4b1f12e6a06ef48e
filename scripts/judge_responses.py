"""Ask the judge about one teacher's responses to one shard, as far as that is not done yet."""

import argparse
import json
import sys

from deepdistill.artifacts import metrics_path
from deepdistill.errors import exit_code
from deepdistill.models import read_identity, work_offline
from deepdistill.responses.backends.choice import backend_opener
from deepdistill.responses.backends.purse import Purse
from deepdistill.responses.prompts import read_prompt
from deepdistill.schemas import CHECKS, RESPONSES, SHARD
from deepdistill.tables import read_artifact
from deepdistill.verification.judge import FIELDS, SCALES, judge_shard


def main(argv: list[str]) -> None:
    """Run the script."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--queries", required=True, help="artifact queries/shards")
    parser.add_argument("--responses", required=True, help="artifact responses")
    parser.add_argument("--checks", required=True, help="artifact checks")
    parser.add_argument("--prompt", required=True, help="prompt file, YAML")
    parser.add_argument("--model", required=True, help="identity of the judge's model")
    parser.add_argument("--config", required=True, type=json.loads, help="judge settings, JSON")
    parser.add_argument("--threads", type=int, default=1, help="CPU threads")
    parser.add_argument("--nodes", type=int, default=1, help="nodes of the SLURM job")
    parser.add_argument("--repairs", type=int, default=0, help="times the shard was damaged")
    parser.add_argument("--output", required=True, help="Parquet artifact judgements")
    args = parser.parse_args(argv)
    work_offline()
    identity = read_identity(args.model)
    purse = Purse(args.config)
    judge_shard(
        queries=read_artifact(args.queries, SHARD),
        responses=read_artifact(args.responses, RESPONSES, ["query_id", "pass", "answer"]),
        checks=read_artifact(args.checks, CHECKS),
        prompt=read_prompt(args.prompt, FIELDS, SCALES, optional=True),
        model=identity.digest,
        make_backend=backend_opener(args.config, identity, args.threads, purse, args.nodes),
        config=args.config,
        output=args.output,
        metrics=metrics_path(args.output),
        repairs=args.repairs,
        purse=purse,
    )


if __name__ == "__main__":
    sys.exit(exit_code(main))
