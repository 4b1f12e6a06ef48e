from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from deepdistill.errors import InputError
from deepdistill.files import write_json
from deepdistill.models import (
    model_digest,
    model_identity,
    read_identity,
    require_model_folder,
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "config.json").write_text("{}")
    (folder / "model.safetensors").write_bytes(b"weights")
    (folder / "chat_template.jinja").write_text("{{ messages }}")
    return folder


def test_digest_follows_content_not_place_or_logs(folder: Path, tmp_path: Path):
    before = model_digest(folder)
    (folder / "README.md").write_text("a card")
    (folder / "training_log.json").write_text("{}")
    assert model_digest(shutil.copytree(folder, tmp_path / "copy")) == before


@pytest.mark.parametrize("name", ["config.json", "model.safetensors", "chat_template.jinja"])
def test_digest_sees_each_file_that_matters(folder: Path, name: str):
    before = model_digest(folder)
    (folder / name).write_bytes(b"[]")
    changed = model_digest(folder)
    (folder / name).rename(folder / "generation_config.json")
    assert before != changed
    if name != "config.json":
        assert model_digest(folder) not in (before, changed)


def test_a_folder_that_is_no_model_is_named(tmp_path: Path):
    with pytest.raises(InputError, match=r"nowhere.*config\.json"):
        require_model_folder(tmp_path / "nowhere")
    with pytest.raises(InputError, match=r"looked for config\.json"):
        require_model_folder(tmp_path)


def test_an_identity_names_a_folder_or_the_model_beside_a_manifest(folder: Path, tmp_path: Path):
    write_json(tmp_path / "base.json", model_identity(str(folder)))
    write_json(tmp_path / "checkpoint.json", {"digest": "d", "files": {}})
    base, checkpoint = (read_identity(tmp_path / f"{n}.json") for n in ("base", "checkpoint"))
    assert (base.find(), base.digest) == (folder, model_digest(folder))
    assert (checkpoint.find(), checkpoint.digest) == (folder, "d")
    folder.rename(tmp_path / "elsewhere")
    for identity in (base, checkpoint):
        with pytest.raises(InputError, match=rf"{identity.file.name}: .*model is no longer there"):
            identity.find()


@pytest.mark.parametrize(
    ("text", "message"),
    [(None, "No such file"), ("{", "not readable as a model's"), ("{}", "no digest in it")],
)
def test_a_file_that_is_no_identity_is_named(tmp_path: Path, text: str | None, message: str):
    if text is not None:
        (tmp_path / "base.json").write_text(text)
    with pytest.raises(InputError, match=rf"base\.json: .*{message}"):
        read_identity(tmp_path / "base.json")
