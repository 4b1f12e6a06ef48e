"""Write the embedded demo's sources and its benchmark."""

from __future__ import annotations

import argparse
import json
import sys

from deepdistill.demo.sources import write_demo_sources
from deepdistill.errors import exit_code


def main(argv: list[str]) -> None:
    """Command line of the demo's sources."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--config", default={}, type=json.loads, help="settings, as JSON")
    parser.add_argument("--output-dir", required=True, help="folder to write below")
    options = parser.parse_args(argv)
    write_demo_sources(options.config, options.output_dir)


if __name__ == "__main__":
    sys.exit(exit_code(main))
