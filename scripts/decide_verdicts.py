"""Decide what checks, judgements and rewards say of one teacher's responses to one shard."""

import argparse
import json
import sys

import pyarrow as pa

from deepdistill.errors import exit_code
from deepdistill.schemas import (
    CHECKS,
    JUDGEMENTS,
    PERPLEXITIES,
    RESPONSES,
    REWARDS,
    SHARD,
    VERDICTS,
    Artifact,
)
from deepdistill.tables import read_artifact, write_artifact
from deepdistill.verification.verdict import Opinions, decide_verdicts


def main(argv: list[str]) -> None:
    """Run the script."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--queries", required=True, help="artifact queries/shards")
    parser.add_argument("--responses", required=True, help="artifact responses")
    parser.add_argument("--checks", required=True, help="artifact checks")
    parser.add_argument("--judgements", nargs="?", help="artifact, if there is a judge")
    parser.add_argument("--rewards", nargs="?", help="artifact, if there is a reward model")
    parser.add_argument("--perplexities", nargs="?", help="artifact, if perplexity is measured")
    parser.add_argument("--thresholds", required=True, type=json.loads, help="by category, JSON")
    parser.add_argument("--output", required=True, help="Parquet artifact verdicts")
    args = parser.parse_args(argv)

    def optional(path: str | None, artifact: Artifact) -> pa.Table | None:
        return read_artifact(path, artifact) if path else None

    opinions = Opinions(
        checks=read_artifact(args.checks, CHECKS),
        judgements=optional(args.judgements, JUDGEMENTS),
        rewards=optional(args.rewards, REWARDS),
        perplexities=optional(args.perplexities, PERPLEXITIES),
    )
    columns = ["query_id", "pass", "problem", "published_score", "error", "format_ok", "tokens_out"]
    table = decide_verdicts(
        read_artifact(args.queries, SHARD, ["query_id", "category"]),
        read_artifact(args.responses, RESPONSES, columns),
        opinions,
        args.thresholds,
    )
    write_artifact(args.output, VERDICTS, table)


if __name__ == "__main__":
    sys.exit(exit_code(main))
