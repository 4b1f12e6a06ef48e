"""Measure the perplexity of one teacher's responses to one shard, as far as it is not there yet."""

import argparse
import json
import sys

from deepdistill.artifacts import metrics_path
from deepdistill.errors import exit_code
from deepdistill.models import read_identity, work_offline
from deepdistill.schemas import RESPONSES, SHARD
from deepdistill.tables import read_artifact
from deepdistill.verification.perplexity import perplexity_shard


def main(argv: list[str]) -> None:
    """Run the script."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--queries", required=True, help="artifact queries/shards")
    parser.add_argument("--responses", required=True, help="artifact responses")
    parser.add_argument("--model", required=True, help="identity of the language model")
    parser.add_argument("--config", required=True, type=json.loads, help="its settings, JSON")
    parser.add_argument("--threads", type=int, default=1, help="CPU threads")
    parser.add_argument("--repairs", type=int, default=0, help="times the shard was damaged")
    parser.add_argument("--output", required=True, help="Parquet artifact perplexities")
    args = parser.parse_args(argv)
    work_offline()
    perplexity_shard(
        queries=read_artifact(args.queries, SHARD),
        responses=read_artifact(args.responses, RESPONSES),
        model=read_identity(args.model),
        config=args.config,
        threads=args.threads,
        output=args.output,
        metrics=metrics_path(args.output),
        repairs=args.repairs,
    )


if __name__ == "__main__":
    sys.exit(exit_code(main))
