from __future__ import annotations

import pytest

from deepdistill.codedigest import module_digest
from deepdistill.verification.check import Task
from deepdistill.verification.references import read_reference
from deepdistill.verification.verify import check_tasks, verifier_modules

SETTINGS = {
    "math": {"timeout_s": 5},
    "code": {
        "timeout_s": 5,
        "memory_mb": 256,
        "max_tests": 10,
        "sandbox": "auto",
        "sandbox_command": [],
    },
    "instruction_following": {"mode": "strict"},
}
CATEGORIES = ("math", "code", "instruction_following")


def test_checks_come_in_the_order_of_the_tasks_whatever_takes_longest() -> None:
    instructions = {"instruction_id_list": ["punctuation:no_comma"], "kwargs": [{}]}
    constraint = read_reference("instruction_following", instructions)
    tasks = [
        Task("math", "", r"\boxed{x+y}", "y+x"),
        Task("science", "", "Because.", ""),
        Task("instruction_following", "", "a, b", constraint),
        Task("math", "", "#### 7", "7"),
        Task("math", "", r"\boxed{y+x+1}", "y+x"),
        Task("other", "", "Hello.", ""),
    ]
    checks = list(check_tasks(tasks, SETTINGS, workers=2))
    assert [check.score for check in checks] == [1, None, 0, 1, 0, None]
    assert checks[1].failure == checks[5].failure == "unverifiable"
    assert checks[1].detail == "no verifier for category science"


def test_each_category_has_code_of_its_own() -> None:
    digests = {category: module_digest(verifier_modules(category)) for category in CATEGORIES}
    assert len(set(digests.values())) == len(CATEGORIES)


def test_science_and_other_take_any_text_as_reference() -> None:
    assert read_reference("science", " text ") == "text"
    assert read_reference("other", None) == ""
    with pytest.raises(ValueError, match="found int"):
        read_reference("science", 5)


@pytest.mark.parametrize("category", CATEGORIES)
def test_canonical_references_read_as_themselves(category: str) -> None:
    raw = {
        "math": "… = 18\n#### 18",
        "code": {"tests": ["assert f()"], "kind": "assert", "language": "python"},
        "instruction_following": {
            "kwargs": [{}],
            "instruction_id_list": ["punctuation:no_comma"],
        },
    }[category]
    canonical = read_reference(category, raw)
    assert read_reference(category, canonical) == canonical
