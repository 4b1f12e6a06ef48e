"""Answer one shard's queries with one teacher, each as often as its own results ask for."""

import argparse
import json
import sys

from deepdistill.artifacts import metrics_path
from deepdistill.errors import exit_code
from deepdistill.models import read_identity, work_offline
from deepdistill.responses.adaptive import generate_adaptively
from deepdistill.responses.backends.choice import backend_opener
from deepdistill.responses.backends.purse import Purse
from deepdistill.responses.only import asked_queries
from deepdistill.responses.prompts import read_prompt
from deepdistill.schemas import SHARD
from deepdistill.tables import read_artifact


def main(argv: list[str]) -> None:
    """Run the script."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--queries", required=True, help="artifact queries/shards")
    parser.add_argument("--verdicts", nargs="*", default=[], help="of the teachers in `only`")
    parser.add_argument("--prompt", required=True, help="prompt file, YAML")
    parser.add_argument("--model", required=True, help="identity of the model or of published data")
    parser.add_argument("--config", required=True, type=json.loads, help="teacher settings, JSON")
    parser.add_argument("--threads", type=int, default=1, help="CPU threads and verifiers")
    parser.add_argument("--nodes", type=int, default=1, help="nodes of the SLURM job")
    parser.add_argument("--repairs", type=int, default=0, help="times the shard was damaged")
    parser.add_argument("--output", required=True, help="Parquet artifact responses")
    args = parser.parse_args(argv)
    work_offline()
    identity = read_identity(args.model)
    queries = read_artifact(args.queries, SHARD)
    asked = asked_queries(queries, args.config.get("only"), args.verdicts)
    purse = Purse(args.config)
    generate_adaptively(
        queries=asked,
        prompt=read_prompt(args.prompt),
        model=identity.digest,
        make_backend=backend_opener(args.config, identity, args.threads, purse, args.nodes),
        config=args.config,
        workers=args.threads,
        output=args.output,
        metrics=metrics_path(args.output),
        repairs=args.repairs,
        left_out=len(queries) - len(asked),
        purse=purse,
    )


if __name__ == "__main__":
    sys.exit(exit_code(main))
