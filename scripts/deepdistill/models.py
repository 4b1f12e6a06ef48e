"""What a model folder is: Hugging Face format, named by the content of the files that matter."""

from __future__ import annotations

import hashlib
import os
import sys
from fnmatch import fnmatch
from pathlib import Path

from deepdistill.errors import InputError
from deepdistill.files import canonical_json, sha256_file

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


def model_identity(folder: str) -> dict[str, str]:
    """Return what names a model in keys: its ``path``, and the ``digest`` of its content."""
    return {"path": folder, "digest": model_digest(folder)}


def data_identity(path: str) -> dict[str, str]:
    """Return the same for a file of published responses."""
    if not Path(path).is_file():
        raise InputError(f"{path}: no such file of published responses")
    return {"path": path, "digest": sha256_file(path)}
