"""Hugging Face hub repositories as local folders: downloaded, or found in the cache."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from deepdistill.errors import InputError

SUBFOLDERS = "*/*"
"""Pattern of files that lie below a repository's top folder; patterns match whole paths."""


def fetch_snapshot(repository: str, revision: str, patterns: Sequence[str]) -> Path:
    """Return the folder of a repository's files at a revision, downloaded as far as they are not.

    ``repository`` is ``org/name``, ``revision`` a commit or tag; the folder holds the files of the
    repository's top folder that match one of ``patterns``, and its name is the commit. Without
    network, or with HF_HUB_OFFLINE=1, the cache (HF_HOME) must have them.

    Raises :class:`InputError` if the hub has no such repository or revision, or neither the hub
    nor the cache can give it.
    """
    return _download(repository, revision, patterns, ignore_patterns=SUBFOLDERS)


def _download(repository: str, revision: str, patterns: Sequence[str], **options: Any) -> Path:
    # huggingface_hub reads its environment when it is imported.
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HFValidationError, HTTPError, XetDownloadError

    try:
        folder = snapshot_download(
            repository, revision=revision, allow_patterns=list(patterns), **options
        )
    except (OSError, HTTPError, HFValidationError, XetDownloadError) as error:
        raise InputError(f"{repository}: revision {revision!r}: {_reason(error)}") from error
    return Path(folder)


def fetch_dataset(repository: str, revision: str, pattern: str) -> Path:
    """Return the folder of a data set's files at a revision; its name is the commit.

    It holds the files that match ``pattern``, also in subfolders; otherwise as
    :func:`fetch_snapshot`.
    """
    return _download(repository, revision, [pattern], repo_type="dataset")


def cached_snapshot(repository: str, commit: str, patterns: Sequence[str]) -> Path | None:
    """Return the folder that :func:`fetch_snapshot` left in the cache, or None if it is gone."""
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import LocalEntryNotFoundError

    try:
        folder = snapshot_download(
            repository,
            revision=commit,
            allow_patterns=list(patterns),
            ignore_patterns=SUBFOLDERS,
            local_files_only=True,
        )
    except LocalEntryNotFoundError:
        return None
    return Path(folder)


def _reason(error: Exception) -> str:
    from huggingface_hub.constants import HF_HUB_CACHE
    from huggingface_hub.errors import (
        LocalEntryNotFoundError,
        RepositoryNotFoundError,
        RevisionNotFoundError,
    )

    if isinstance(error, RevisionNotFoundError):
        return "the hub has no such revision; allowed: a commit or tag of the repository"
    if isinstance(error, RepositoryNotFoundError):
        return (
            "the hub has no such repository, or not for this user; "
            "a private or gated one needs a token (hf auth login)"
        )
    if isinstance(error, LocalEntryNotFoundError):
        cause = _first_line(error.__cause__ or error)
        return f"not in the cache {HF_HUB_CACHE}, and the hub cannot be asked: {cause}"
    return _first_line(error)


def _first_line(error: BaseException) -> str:
    return next(iter(str(error).splitlines()), "") or type(error).__name__
