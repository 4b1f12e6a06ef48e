"""Models: folders in Hugging Face format, named by the content of the files that matter.

An identity file is what the rest of the workflow knows of a model. It is small JSON of one of
four kinds: a local folder (``path``), a hub repository (``hub``, ``revision``, and ``commit``,
which the revision stood for), a model that a server has (``served``, its name there), or a
checkpoint's manifest, which has ``model/`` beside it. Each has ``digest``, the content's name in
keys.
"""

from __future__ import annotations

import hashlib
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

from deepdistill.errors import InputError
from deepdistill.files import canonical_json, read_json, sha256_file
from deepdistill.hub import cached_snapshot, fetch_snapshot
from deepdistill.keys import digest

MODEL = "model"
"""Name of the model folder beside a checkpoint's manifest."""

CONFIG = "config.json"

MODEL_FILES = (
    CONFIG,
    "generation_config.json",
    "*.safetensors",
    "*.safetensors.index.json",
    "pytorch_model*.bin",
    "pytorch_model.bin.index.json",
    "tokenizer.json",
    "tokenizer.model",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "vocab.json",
    "vocab.txt",
    "merges.txt",
    "chat_template.jinja",
    "chat_template.json",
)
"""Patterns of the files that decide what a model answers; logs and model cards do not."""


def require_model_folder(folder: str | Path) -> Path:
    """Return ``folder`` as a path if it is a model folder.

    Raises :class:`InputError` if there is no such folder or it holds no ``config.json``.
    """
    path = Path(folder)
    if not path.is_dir():
        raise InputError(f"{path}: no such model folder; expected a folder with {CONFIG}")
    if not (path / CONFIG).is_file():
        raise InputError(f"{path}: not a model folder: looked for {CONFIG}, which is missing")
    return path


def model_digest(folder: str | Path) -> str:
    """Return the SHA-256 of a model folder's content, in hexadecimal.

    It covers names and bytes of the files that match :data:`MODEL_FILES`, in the order of their
    names, so that a copied or renamed folder has the same digest and a new log changes nothing.
    """
    path = require_model_folder(folder)
    files = sorted(p for p in path.iterdir() if p.is_file() and _matters(p.name))
    content = [[p.name, sha256_file(p)] for p in files]
    return hashlib.sha256(canonical_json(content).encode()).hexdigest()


def _matters(name: str) -> bool:
    return any(fnmatch(name, pattern) for pattern in MODEL_FILES)


def work_offline() -> None:
    """Make Hugging Face's libraries use local files only, and no progress bars in log files.

    It must be called before any of them is imported. Offline also means that they report nothing
    of their use over the network.
    """
    os.environ.update(HF_HUB_OFFLINE="1", HF_DATASETS_OFFLINE="1")
    if not sys.stderr.isatty():
        os.environ.update(
            TQDM_DISABLE="1",
            HF_HUB_DISABLE_PROGRESS_BARS="1",
            HF_DATASETS_DISABLE_PROGRESS_BARS="1",
        )


def model_identity(model: str, revision: str | None = None) -> dict[str, str]:
    """Return the identity of a model folder, or with ``revision`` that of a hub repository.

    A repository is downloaded as far as the cache has it not. Its digest is that of the files, so
    two revisions with the same files are the same model.

    Raises :class:`InputError` if there is no such folder, repository or revision.
    """
    if revision is None:
        return {"path": model, "digest": model_digest(model)}
    folder = fetch_snapshot(model, revision, MODEL_FILES)
    return {
        "hub": model,
        "revision": revision,
        "commit": folder.name,
        "digest": model_digest(folder),
    }


def served_identity(name: str, revision: str | None = None) -> dict[str, str]:
    """Return the identity of a model on a server: its name, since no server tells more.

    ``revision`` is whatever tells two models of the same name apart.
    """
    return {"served": name, "digest": digest(["served", name, revision])}


@dataclass(frozen=True)
class Identity:
    """What an identity file says.

    Example:
        >>> parent = read_identity("results/models/base.json")
        >>> parent.digest  # for keys; needs nothing but the file
        >>> parent.find()  # when the model is loaded
    """

    file: Path
    fields: Mapping[str, Any]

    @property
    def digest(self) -> str:
        """SHA-256 of the content, in hexadecimal."""
        digest: str = self.fields["digest"]
        return digest

    @property
    def origin(self) -> str:
        """Where the content comes from, for people to read."""
        if "hub" in self.fields:
            return f"{self.fields['hub']} at {self.fields['revision']}"
        return str(self._path())

    def find(self) -> Path:
        """Return the model's local folder.

        A hub repository is looked for in the cache only. Raises :class:`InputError` naming the
        identity file if what it stands for is gone.
        """
        if "hub" in self.fields:
            folder = cached_snapshot(self.fields["hub"], self.fields["commit"], MODEL_FILES)
            if folder is None:
                raise InputError(
                    f"{self.file}: {self.origin} is no longer in the cache (HF_HOME); "
                    f"delete {self.file} to have it downloaded again"
                )
            return folder
        path = self._path()
        if not path.exists():
            raise InputError(
                f"{self.file}: {path} is no longer there; "
                f"put it back, or delete {self.file} to have it made again"
            )
        return path

    def _path(self) -> Path:
        return Path(self.fields.get("path") or self.file.parent / MODEL)


def read_identity(file: str | Path) -> Identity:
    """Read an identity file of any kind: ``models/{model}.json`` or a ``checkpoint.json``.

    Raises :class:`InputError` if it is missing or no identity.
    """
    try:
        fields = read_json(file)
    except (OSError, ValueError) as error:
        reason = str(error).splitlines()[0]
        raise InputError(f"{file}: not readable as a model's identity: {reason}") from None
    if not isinstance(fields, dict) or not isinstance(fields.get("digest"), str):
        raise InputError(
            f"{file}: not a model's identity: no digest in it; delete it to have it made again"
        )
    return Identity(Path(file), fields)
