from __future__ import annotations

from pathlib import Path

import pytest

from deepdistill import codedigest
from deepdistill.codedigest import code_digest, locked_packages

LIBRARY = {
    "__init__.py": '"""The package."""\n',
    "leaf.py": "import numpy as np\n\nFACTOR = 1\n\n\ndef leaf(x):\n    return np.sin(x)\n",
    "middle.py": "from deepdistill.leaf import leaf\n\n\ndef middle(x):\n    return leaf(x) + 1\n",
    "other.py": "VALUE = 1\n",
}
SCRIPT = "from deepdistill.middle import middle\n\nprint(middle(1))\n"
LOCK = "numpy==2.4.6 \\\n    --hash=sha256:00\npandas==3.1.1\n"


@pytest.fixture
def clone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    return make_clone(tmp_path, monkeypatch)


def make_clone(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    package = folder / "scripts" / "deepdistill"
    package.mkdir(parents=True)
    for name, text in LIBRARY.items():
        (package / name).write_text(text)
    (folder / "scripts" / "run.py").write_text(SCRIPT)
    (folder / "requirements.lock").write_text(LOCK)
    monkeypatch.setattr(codedigest, "ROOT", package)
    return folder


def digest(clone: Path) -> str:
    codedigest.locked_versions.cache_clear()
    return code_digest(clone / "scripts" / "run.py", clone / "requirements.lock")


def edit(clone: Path, name: str, old: str, new: str) -> None:
    path = clone / "scripts" / name
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("run.py", "middle(1)", "middle(2)"),
        ("deepdistill/middle.py", "+ 1", "+ 2"),
        ("deepdistill/leaf.py", "np.sin", "np.cos"),
    ],
)
def test_a_change_at_any_depth_counts(clone: Path, name: str, old: str, new: str) -> None:
    before = digest(clone)
    edit(clone, name, old, new)
    assert digest(clone) != before


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("def leaf(x):", 'def leaf(x):\n    """What it does."""'),
        ("def leaf(x):", "def leaf(x: float) -> float:"),
        ("return np.sin(x)", "return np.sin( x )  # why"),
        ("FACTOR = 1", "FACTOR: int = 1"),
        ("import numpy as np", "from typing import Any\nimport numpy as np"),
    ],
)
def test_comments_docstrings_hints_and_form_do_not_count(clone: Path, old: str, new: str) -> None:
    before = digest(clone)
    edit(clone, "deepdistill/leaf.py", old, new)
    assert digest(clone) == before


def test_a_module_that_is_not_imported_does_not_count(clone: Path) -> None:
    before = digest(clone)
    edit(clone, "deepdistill/other.py", "1", "2")
    assert digest(clone) == before


def test_a_package_counts_by_its_locked_version_if_it_is_imported(clone: Path) -> None:
    before, lock = digest(clone), clone / "requirements.lock"
    lock.write_text(LOCK.replace("pandas==3.1.1", "pandas==3.2.0"))
    assert digest(clone) == before
    lock.write_text(LOCK.replace("numpy==2.4.6", "numpy==2.5.0"))
    assert digest(clone) != before


def test_where_the_clone_lies_does_not_count(
    clone: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = digest(clone)
    assert digest(make_clone(tmp_path_factory.mktemp("elsewhere"), monkeypatch)) == before


def test_optional_packages_have_a_lock_of_their_own(clone: Path) -> None:
    optional = clone / "requirements-vllm.lock"
    optional.write_text("pandas==1.0.0\nvllm==0.32.0 \\\n    --hash=sha256:00\n")
    codedigest.locked_versions.cache_clear()
    versions = codedigest.locked_versions(clone / "requirements.lock")
    assert (versions["pandas"], versions["vllm"]) == ("3.1.1", "0.32.0")


def test_every_script_of_the_project_has_a_digest_and_locked_packages(root: Path) -> None:
    digests = {script: code_digest(script) for script in (root / "scripts").glob("*.py")}
    assert len(set(digests.values())) == len(digests)
    assert "torch" in locked_packages(root / "scripts" / "generate_responses.py")
    assert "torch" not in locked_packages(root / "scripts" / "clean_source.py")


def test_every_imported_package_has_a_locked_version(root: Path) -> None:
    versions = codedigest.locked_versions(codedigest.LOCK)
    sources = codedigest._collect(sorted((root / "scripts").glob("*.py")))
    imported = set().union(*(source.packages for source in sources))
    assert imported <= versions.keys()
    assert "pyarrow" in imported
