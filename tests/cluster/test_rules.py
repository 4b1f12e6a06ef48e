"""Every rule asks for what its own jobs need."""

from __future__ import annotations

import re
from pathlib import Path

import pytest


def rules(root: Path) -> dict[str, str]:
    texts = [path.read_text() for path in sorted((root / "rules").glob("*.smk"))]
    blocks = [b for text in texts for b in re.split(r"^rule ", text, flags=re.MULTILINE)[1:]]
    return {block.partition(":")[0]: block for block in blocks}


def test_every_rule_asks_for_what_its_own_jobs_need(root: Path) -> None:
    found = rules(root)
    assert len(found) > 20
    for name, block in found.items():
        assert f'    threads: threads_for("{name}")\n' in block, name
        assert f'        **resources_for("{name}"),\n' in block, name


@pytest.mark.parametrize("word", ["retries:", "group:"])
def test_no_rule_keeps_attempts_or_members_in_one_allocation(root: Path, word: str) -> None:
    assert not [name for name, block in rules(root).items() if f"    {word}" in block]
