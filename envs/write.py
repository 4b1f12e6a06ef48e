"""Write envs/*.yaml: for the rules of each environment, the packages that their scripts import.

Versions are those of requirements.lock. `make lock` runs this; a test compares.
"""

import re
import sys
from collections import defaultdict
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "scripts"))

from deepdistill.codedigest import locked_packages  # noqa: E402

RULE = re.compile(r'"\.\./envs/(\w+)\.yaml".*?python (scripts/\w+\.py)', re.DOTALL)


def environments() -> dict[str, str]:
    """Return the text of each environment file, by its name."""
    packages: dict[str, dict[str, str]] = defaultdict(dict)
    for rules in sorted((ROOT / "rules").glob("*.smk")):
        for name, script in RULE.findall(rules.read_text(encoding="utf-8")):
            packages[name] |= locked_packages(ROOT / script)
    return {name: _text(name, versions) for name, versions in sorted(packages.items())}


def _text(name: str, versions: dict[str, str]) -> str:
    pins = "".join(f"      - {p}=={v}\n" for p, v in sorted(versions.items()))
    return (
        "# Written by `make lock`.\n"
        f"name: deepdistill-{name}\n"
        "channels: [conda-forge]\n"
        "dependencies:\n"
        "  - python=3.11\n"
        "  - pip\n"
        "  - pip:\n" + pins
    )


if __name__ == "__main__":
    for name, text in environments().items():
        (ROOT / "envs" / f"{name}.yaml").write_text(text, encoding="utf-8")
