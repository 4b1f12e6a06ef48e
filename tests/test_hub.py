"""Models of the Hugging Face hub: from a cache as its client lays it out, and from a local hub."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from urllib.parse import urlsplit

import pytest

from deepdistill.errors import InputError
from deepdistill.files import read_json
from deepdistill.models import model_digest, model_identity, read_identity

COMMITS = {"v1": "1" * 40, "v2": "2" * 40, "v3": "3" * 40}
FILES = {
    "v1": {"config.json": "{}", "model.safetensors": "weights", "README.md": "first"},
    "v2": {"config.json": "{}", "model.safetensors": "weights", "README.md": "second"},
    "v3": {"config.json": "{}", "model.safetensors": "others", "onnx/model.safetensors": "big"},
}


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache that holds all revisions."""
    repository = tmp_path / "hub" / "models--org--name"
    for revision, commit in COMMITS.items():
        for name, text in FILES[revision].items():
            path = repository / "snapshots" / commit / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        (repository / "refs").mkdir(exist_ok=True)
        (repository / "refs" / revision).write_text(commit)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    return repository


def identify(
    root: Path, output: Path, revision: str, model: str = "org/name", **env: str
) -> subprocess.CompletedProcess[str]:
    """Run the script as the rule does, with the hub's client set up by ``env`` alone."""
    script = str(root / "scripts" / "identify_model.py")
    options = [f"--model={model}", f"--revision={revision}", "--output", str(output)]
    kept = {k: v for k, v in os.environ.items() if not k.startswith("HF_") and "proxy" not in k}
    return subprocess.run(
        [sys.executable, script, *options], env={**kept, **env}, capture_output=True, text=True
    )


def test_revisions_with_the_same_files_are_the_same_model(cache: Path) -> None:
    identities = {revision: model_identity("org/name", revision) for revision in COMMITS}
    assert identities["v1"] == {
        "hub": "org/name",
        "revision": "v1",
        "commit": COMMITS["v1"],
        "digest": model_digest(cache / "snapshots" / COMMITS["v1"]),
    }
    assert identities["v1"]["digest"] == identities["v2"]["digest"] != identities["v3"]["digest"]
    by_commit = model_identity("org/name", COMMITS["v1"])
    assert by_commit["digest"] == identities["v1"]["digest"]


def test_an_identity_leads_to_the_files_that_it_names(cache: Path, tmp_path: Path) -> None:
    file = tmp_path / "r1.json"
    file.write_text(json.dumps(model_identity("org/name", "v1")))
    (cache / "refs" / "v1").write_text(COMMITS["v3"])  # the tag is moved
    identity = read_identity(file)
    assert identity.find() == cache / "snapshots" / COMMITS["v1"]
    assert identity.origin == "org/name at v1"
    (cache / "snapshots" / COMMITS["v1"]).rename(tmp_path / "gone")
    assert len(read_identity(file).digest) == 64  # what needs no weights still works
    with pytest.raises(InputError, match=r"r1\.json: org/name at v1 is no longer .*; delete .*r1"):
        read_identity(file).find()


def test_an_unknown_revision_is_one_line(cache: Path, root: Path, tmp_path: Path) -> None:
    offline = {"HF_HUB_CACHE": str(cache.parent), "HF_HUB_OFFLINE": "1"}
    output = tmp_path / "identity.json"
    assert identify(root, output, "v1", **offline).returncode == 0
    assert read_json(output)["commit"] == COMMITS["v1"]
    result = identify(root, tmp_path / "none.json", "v9", **offline)
    assert result.returncode == 1
    (line,) = result.stderr.splitlines()
    assert line.startswith(f"error: org/name: revision 'v9': not in the cache {cache.parent}, and")
    assert "HF_HUB_OFFLINE" in line
    assert not (tmp_path / "none.json").exists()


class _Hub(BaseHTTPRequestHandler):
    """As much of the hub's protocol as a download needs; the repository is ``org/name``."""

    def do_GET(self) -> None:
        path = urlsplit(self.path).path
        match path.strip("/").split("/"):
            case ["api", "models", "org", "name", "revision", revision] if revision in COMMITS:
                self._reply(json.dumps({"id": "org/name", "sha": COMMITS[revision]}))
            case ["api", "models", "org", "name", "revision", _]:
                self._fail("RevisionNotFound")
            case ["api", "models", "org", "name", "tree", commit]:
                entries = [
                    {
                        "type": "file",
                        "path": name,
                        "size": len(text),
                        "oid": hashlib.sha1(text.encode()).hexdigest(),
                    }
                    for name, text in _files(commit).items()
                ]
                self._reply(json.dumps(entries))
            case ["org", "name", "resolve", commit, *parts]:
                self._reply(_files(commit)["/".join(parts)], commit)
            case _:
                self._fail("RepoNotFound")

    do_HEAD = do_GET  # noqa: N815

    def _reply(self, text: str, commit: str = "") -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(text)))
        self.send_header("X-Repo-Commit", commit)
        self.send_header("ETag", f'"{hashlib.sha1(text.encode()).hexdigest()}"')
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(text.encode())

    def _fail(self, code: str) -> None:
        self.send_response(404)
        self.send_header("X-Error-Code", code)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_arguments: object) -> None:
        """Keep quiet."""


def _files(commit: str) -> dict[str, str]:
    return FILES[next(revision for revision, c in COMMITS.items() if c == commit)]


@pytest.fixture
def hub() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Hub)
    Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_a_revision_is_downloaded_once_and_only_what_matters(
    hub: str, root: Path, tmp_path: Path
) -> None:
    output, cached = tmp_path / "identity.json", {"HF_HUB_CACHE": str(tmp_path / "fresh")}
    result = identify(root, output, "v3", HF_ENDPOINT=hub, **cached)
    assert result.returncode == 0, result.stderr
    snapshot = tmp_path / "fresh" / "models--org--name" / "snapshots" / COMMITS["v3"]
    assert {p.name for p in snapshot.rglob("*")} == {"config.json", "model.safetensors"}
    identity = read_json(output)
    assert identity["digest"] == model_digest(snapshot)
    again = identify(root, output, "v3", HF_HUB_OFFLINE="1", **cached)
    assert again.returncode == 0, again.stderr
    assert read_json(output) == identity


@pytest.mark.parametrize(
    ("model", "revision", "message"),
    [
        ("org/name", "v9", "revision 'v9': the hub has no such revision; allowed: a commit or tag"),
        ("org/none", "v1", "revision 'v1': the hub has no such repository, or not for this user"),
    ],
)
def test_what_the_hub_does_not_have_is_one_line(
    hub: str, root: Path, tmp_path: Path, model: str, revision: str, message: str
) -> None:
    env = {"HF_ENDPOINT": hub, "HF_HOME": str(tmp_path)}
    result = identify(root, tmp_path / "identity.json", revision, model, **env)
    assert result.returncode == 1
    assert result.stderr.splitlines()[-1].startswith(f"error: {model}: {message}")
    assert "Traceback" not in result.stderr
