"""Name a model by its content, or by its commit if it lies on the hub."""

import argparse
import sys

from deepdistill.errors import exit_code
from deepdistill.files import write_json
from deepdistill.models import data_identity, model_identity


def main(argv: list[str]) -> None:
    """Run the script."""
    parser = argparse.ArgumentParser(description=__doc__)
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--model", help="model folder, or with a revision a name on the hub")
    what.add_argument("--published", help="file of published responses")
    parser.add_argument("--revision", default="", help="commit of a model on the hub")
    parser.add_argument("--output", required=True, help="identity, JSON")
    args = parser.parse_args(argv)
    identity = (
        data_identity(args.published)
        if args.published
        else model_identity(args.model, args.revision or None)
    )
    write_json(args.output, identity)


if __name__ == "__main__":
    sys.exit(exit_code(main))
