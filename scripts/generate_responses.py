"""Answer one shard's queries with one teacher, as far as the answers are not there yet."""

import argparse
import json
import sys

from deepdistill.errors import exit_code
from deepdistill.files import read_json
from deepdistill.responses.backends.backend import Backend
from deepdistill.responses.generate import generate_shard
from deepdistill.responses.prompts import read_prompt
from deepdistill.schemas import SHARD
from deepdistill.tables import read_artifact


def main(argv: list[str]) -> None:
    """Run the script."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--queries", required=True, help="artifact queries/shards")
    parser.add_argument("--prompt", required=True, help="prompt file, YAML")
    parser.add_argument("--model", required=True, help="identity of the model or of published data")
    parser.add_argument("--config", required=True, type=json.loads, help="teacher settings, JSON")
    parser.add_argument("--threads", type=int, default=1, help="CPU threads")
    parser.add_argument("--output", required=True, help="Parquet artifact responses")
    parser.add_argument("--metrics", required=True, help="JSON")
    args = parser.parse_args(argv)
    identity, config = read_json(args.model), args.config

    def make_backend() -> Backend:
        # Imported when it is needed: a job without missing rows must not load torch.
        if config["backend"] == "published":
            from deepdistill.responses.backends.published import PublishedBackend

            return PublishedBackend(identity["path"], config["question"], config["response"])
        import torch

        from deepdistill.responses.backends.local_transformers import TransformersBackend

        torch.set_num_threads(args.threads)
        return TransformersBackend(identity["path"], config)

    generate_shard(
        queries=read_artifact(args.queries, SHARD),
        prompt=read_prompt(args.prompt),
        model=identity["digest"],
        make_backend=make_backend,
        config=config,
        output=args.output,
        metrics=args.metrics,
    )


if __name__ == "__main__":
    sys.exit(exit_code(main))
