"""The manifest of a data set in several files, NAME-00000-of-00003.parquet and so on.

``NAME.digest.json`` is written last and stands for all of them: ``rows``, ``bytes`` and ``sha256``
together, and of each of its ``files``, with their names. ``datasets.load_dataset`` reads the files
as the split NAME. Reading it needs none of the code that writes tables, so that an edit there makes
no checkpoint stale.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from deepdistill.errors import InputError
from deepdistill.files import read_json, sha256_file

Manifest = dict[str, Any]


def read_manifest(path: str | Path) -> Manifest:
    """Return a manifest whose files are all there, with their sizes.

    Raises :class:`InputError` naming the first file that is not, or a manifest that is none.
    """
    remedy = f"delete {path} to have it made again"
    try:
        manifest: Manifest = read_json(path)
        files = manifest["files"]
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}; expected a data set's manifest") from None
    except (ValueError, KeyError, TypeError):
        raise InputError(f"{path}: not a data set's manifest; {remedy}") from None
    for file in files:
        part = Path(path).parent / file["name"]
        if not part.is_file():
            raise InputError(f"{part}: no such file; {remedy}")
        if part.stat().st_size != file["bytes"]:
            raise InputError(f"{part}: its size is not what {Path(path).name} says; {remedy}")
    return manifest


def part_paths(path: str | Path) -> list[Path]:
    """Return the files of a manifest, in the order of the rows; errors as :func:`read_manifest`."""
    return [Path(path).parent / file["name"] for file in read_manifest(path)["files"]]


def verified_digest(path: str | Path) -> str:
    """Return a manifest's SHA-256 after reading every file.

    Raises :class:`InputError` as :func:`read_manifest` does, and for bytes that have changed.
    """
    manifest = read_manifest(path)
    for file in manifest["files"]:
        part = Path(path).parent / file["name"]
        if sha256_file(part) != file["sha256"]:
            raise InputError(
                f"{part}: its content is not what {Path(path).name} says; "
                f"delete {path} to have it made again"
            )
    digest: str = manifest["sha256"]
    return digest
