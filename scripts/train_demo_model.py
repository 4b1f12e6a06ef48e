"""Train one of the embedded demo's models from scratch: a teacher or the base student."""

from __future__ import annotations

import argparse
import json
import sys

from deepdistill.demo.recipes import train_demo_model
from deepdistill.errors import exit_code
from deepdistill.models import work_offline


def main(argv: list[str]) -> None:
    """Command line of the training of a demo model."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--name", required=True, help="weak, medium, strong or base")
    parser.add_argument("--config", default={}, type=json.loads, help="settings, as JSON")
    parser.add_argument("--output-dir", required=True, help="model folder to write")
    options = parser.parse_args(argv)
    work_offline()
    train_demo_model(options.name, options.config, options.output_dir)


if __name__ == "__main__":
    sys.exit(exit_code(main))
