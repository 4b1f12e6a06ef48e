"""Which files hold published rows, and which pass each of them is."""

from __future__ import annotations

import re
from dataclasses import dataclass
from fnmatch import fnmatch, translate
from pathlib import Path

from deepdistill.errors import InputError

JSON_LINES = (".jsonl", ".jsonl.gz", ".jsonl.zst", ".json", ".json.gz", ".json.zst")
SUFFIXES = (".parquet", ".arrow", *JSON_LINES)
"""How the names of readable files end."""

NO_DATA = ("dataset_info.json", "dataset_dict.json", "state.json", "cache-*.arrow")
"""What ``datasets`` puts beside its data."""

PASS = "{pass}"


@dataclass(frozen=True)
class DataFile:
    """A file of published rows: its name below the folder, and its pass if the name says it."""

    path: Path
    name: str
    pass_number: int | None


def data_files(data: str | Path, pattern: str = "*") -> list[DataFile]:
    """Return the files of ``data``, a file or a folder, in the order of their names.

    ``pattern`` is what the names below the folder look like; ``*`` stands for any characters and
    ``{pass}`` for the number of the pass. Raises :class:`InputError` if there is no such file.
    """
    folder = Path(data)
    if folder.is_dir():
        names = sorted(_names(folder))
    elif folder.is_file():
        folder, names = folder.parent, [folder.name] if folder.name.endswith(SUFFIXES) else []
    else:
        raise InputError(f"{data}: no such file or folder of published responses")
    fits = re.compile(translate(pattern.replace(PASS, "\0")).replace("\0", r"(\d+)"))
    found = [
        DataFile(folder / name, name, int(match[1]) if fits.groups else None)
        for name in names
        if (match := fits.match(name))
    ]
    if not found:
        raise InputError(
            f"{data}: found no file of published responses named like {pattern!r}, allowed: "
            f"names that end in {', '.join(SUFFIXES)}"
        )
    for file in found:
        if file.pass_number == 0:
            raise InputError(f"{file.path}: found the pass 0 in its name, allowed: from 1")
    return found


def _names(folder: Path) -> list[str]:
    """Names below ``folder`` of all files that may hold rows."""
    paths = [path.relative_to(folder) for path in folder.rglob("*") if path.is_file()]
    return [
        path.as_posix()
        for path in paths
        if path.name.endswith(SUFFIXES)
        and not any(fnmatch(path.name, name) for name in NO_DATA)
        and not any(part.startswith(".") for part in path.parts)
    ]
