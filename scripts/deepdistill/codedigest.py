"""A digest of the code that a script really uses.

Snakemake reruns on a changed *shell command* but does not see the script behind it, let alone the
modules that this imports. So each rule carries a digest of its script, of our modules that the
script imports, transitively, and of the locked versions of the third-party packages that these
import. Comments, docstrings, type hints and formatting do not count, nor does where the clone is.
"""

from __future__ import annotations

import ast
import gc
import hashlib
import re
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

PACKAGE = "deepdistill"
ROOT = Path(__file__).resolve().parent
LOCK = ROOT.parent.parent / "requirements.lock"

DISTRIBUTIONS = {"yaml": "pyyaml"}
"""Import names whose distribution has another name; the rest differ in ``_`` and ``-`` only."""


def code_digest(script: str | Path, lock: Path = LOCK) -> str:
    """Return a digest (16 hexadecimal characters) of a script's code and all it imports.

    ``script`` is a Python file; modules of :data:`PACKAGE` are followed, at whatever depth and
    wherever in the file the import stands.
    """
    return _digest([Path(script)], lock)


def module_digest(names: Iterable[str], lock: Path = LOCK) -> str:
    """Return the same digest for modules of ours, given by dotted name."""
    return _digest([_module_file(name) for name in names], lock)


def locked_packages(script: str | Path, lock: Path = LOCK) -> dict[str, str]:
    """Return distribution name → locked version of the packages that a script's code imports."""
    return _locked(_collect([Path(script)]), lock)


def _digest(files: list[Path], lock: Path) -> str:
    sources = _collect(files)
    lines = [f"{name}=={version}" for name, version in _locked(sources, lock).items()]
    texts = [source.text for source in sources]
    return hashlib.sha256("\0".join([*texts, *lines]).encode()).hexdigest()[:16]


def _collect(files: list[Path]) -> list[_Source]:
    """What the files and our modules that they import, transitively, contribute."""
    sources = [_read(file) for file in files]
    modules: dict[str, Path] = {}
    for source in sources:
        _follow(source.modules, modules)
    return sources + [_read(file) for _, file in sorted(modules.items())]


def _locked(sources: Iterable[_Source], lock: Path) -> dict[str, str]:
    versions = locked_versions(lock)
    packages = sorted(set().union(*(source.packages for source in sources)))
    return {name: versions[name] for name in packages if name in versions}


def _follow(names: frozenset[str], found: dict[str, Path]) -> None:
    for name in names:
        if name not in found:
            found[name] = _module_file(name)
            _follow(_read(found[name]).modules, found)


@lru_cache(maxsize=8)
def locked_versions(lock: Path) -> dict[str, str]:
    """Return distribution name → version of a requirements lock file.

    Locks of optional packages beside it (``requirements-vllm.lock``) count for what it lacks.
    """
    optional = sorted(lock.parent.glob(f"{lock.stem}-*{lock.suffix}"))
    text = "".join(file.read_text(encoding="utf-8") for file in [*optional, lock])
    return dict(re.findall(r"^([a-z0-9.-]+)(?:\[[^]]*\])?==([^\s;\\]+)", text, re.MULTILINE))


class _Source:
    """What one file contributes: its meaning as text, our modules and packages it imports."""

    def __init__(self, file: Path) -> None:
        with _uncollected():
            tree = ast.parse(file.read_text(encoding="utf-8"), filename=str(file))
        imported = _imports(tree, file)
        ours = {n for n in imported if n.partition(".")[0] == PACKAGE}
        prefixes = {p for n in ours for p in _prefixes(n)}
        self.modules = frozenset(p for p in prefixes if _find(p) is not None)
        roots = {n.partition(".")[0] for n in imported - ours}
        self.packages = {
            DISTRIBUTIONS.get(r, r.replace("_", "-").lower())
            for r in roots - sys.stdlib_module_names
        }
        self.text = _meaning(tree)


@contextmanager
def _uncollected() -> Iterator[None]:
    """Leave out the garbage collector: a tree's many nodes call it, it looks through all that
    Snakemake holds as well, and it finds nothing.
    """
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


@lru_cache(maxsize=512)
def _read_at(file: Path, _mtime: int, _size: int) -> _Source:
    return _Source(file)


def _read(file: Path) -> _Source:
    state = file.stat()
    return _read_at(file, state.st_mtime_ns, state.st_size)


def _imports(tree: ast.AST, file: Path) -> set[str]:
    names: set[str] = set()
    for node in _statements(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            if node.level:
                raise ValueError(f"{file}: line {node.lineno}: relative imports are not followed")
            names.add(node.module or "")
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def _statements(node: ast.AST) -> Iterator[ast.AST]:
    """Every statement below a node. Expressions, which are most of a tree, hold none."""
    for block in ("body", "orelse", "finalbody", "handlers", "cases"):
        for child in getattr(node, block, ()):
            yield child
            yield from _statements(child)


def _prefixes(name: str) -> list[str]:
    """What importing ``name`` runs, where it is a module: itself and its parents."""
    parts = name.split(".")
    return [".".join(parts[: i + 1]) for i in range(len(parts))]


def _find(name: str) -> Path | None:
    base = ROOT.joinpath(*name.split(".")[1:])
    for file in (base / "__init__.py", base.with_suffix(".py")):
        if file.is_file():
            return file
    return None


def _module_file(name: str) -> Path:
    file = _find(name)
    if file is None:
        raise ValueError(f"no module of ours is named {name}")
    return file


_SCOPES = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)

_HINTS = {"returns", "annotation", "type_comment", "kind"}
"""Fields of a syntax tree that change nothing of what a program does."""


def _meaning(tree: ast.Module) -> str:
    """Return what a module does as text, without docstrings and type hints.

    Imports that nothing but hints used are left out too. What an import brings in counts by its
    own content, so its line may go.
    """
    parts: list[str | ast.Import | ast.ImportFrom] = []
    used: set[str] = set()
    _write(tree, parts, used)
    texts = [part if isinstance(part, str) else _import(part, used) for part in parts]
    return " ".join(filter(None, texts))


def _write(value: Any, parts: list[str | ast.Import | ast.ImportFrom], used: set[str]) -> None:
    """Append a node, a list of nodes or a plain value; put the names that it uses into ``used``."""
    kind: Any = type(value)
    if kind is list:
        parts.append("[")
        for item in value:
            _write(item, parts, used)
        parts.append("]")
    elif kind is ast.Import or kind is ast.ImportFrom:
        parts.append(value)
    elif issubclass(kind, ast.AST):
        if kind is ast.Name:
            used.add(value.id)
        parts.append(kind.__name__)
        for field in _fields(kind):
            if field == "body" and kind in _SCOPES:
                _write(_body(value), parts, used)
            else:
                _write(getattr(value, field), parts, used)
    else:
        parts.append(repr(value))


@cache
def _fields(kind: type[ast.AST]) -> tuple[str, ...]:
    """The fields of a node that count."""
    return tuple(field for field in kind._fields if field not in _HINTS and field != "ctx")


def _body(scope: Any) -> list[ast.stmt]:
    """The statements of a scope, without its docstring; assignments without their hints."""
    body: list[ast.stmt] = scope.body
    if body and isinstance(body[0], ast.Expr) and isinstance(body[0].value, ast.Constant):
        body = body[1:]
    if isinstance(scope, ast.ClassDef):  # in a class, a bare annotation declares a field
        return body
    return [s for s in map(_without_hint, body) if s is not None]


def _without_hint(statement: ast.stmt) -> ast.stmt | None:
    if not isinstance(statement, ast.AnnAssign):
        return statement
    if statement.value is None:
        return None
    return ast.Assign([statement.target], statement.value)


def _import(node: ast.Import | ast.ImportFrom, used: set[str]) -> str:
    names = [(a.name, a.asname) for a in node.names]
    kept = [n for n in names if (n[1] or n[0]).partition(".")[0] in used]
    return repr((getattr(node, "module", None), kept)) if kept else ""
