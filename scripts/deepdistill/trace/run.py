"""A run of the workflow as trace sees it: its configuration and the artifacts that are there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from deepdistill.config import check_config
from deepdistill.errors import InputError
from deepdistill.schemas import Artifact
from deepdistill.tables import Row
from deepdistill.trace.lookup import sorted_rows


def read_config(path: str | Path, results: str | None, data: str | None) -> dict[str, Any]:
    """Return a configuration file's content, checked as the workflow does.

    ``results`` replaces the configuration's folder of results, ``data`` stands for {data} in
    paths; None leaves what the configuration says. Raises :class:`InputError` if the file is not
    readable or is no valid configuration.
    """
    try:
        config = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}; expected a configuration") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: not YAML: {' '.join(str(error).split())}") from None
    if not isinstance(config, dict):
        raise InputError(f"{path}: found {type(config).__name__}, allowed: a configuration")
    if results is not None:
        config["pathvars"] = {**(config.get("pathvars") or {}), "results": results}
    if data is not None:
        config["data"] = data
    return check_config(config)


class Run:
    """The artifacts below ``config``'s folder of results.

    ``missing`` lists the files that were asked for and are not there, in the order in which they
    were asked for.
    """

    def __init__(self, config: Mapping[str, Any]) -> None:
        self.config = config
        self.results = Path(config["pathvars"]["results"])
        self.missing: list[str] = []

    def path(self, name: str) -> Path | None:
        """Return the file of the artifact ``name``, or None and note it if it is not there."""
        path = self.results / f"{name}.parquet"
        if path.exists():
            return path
        if str(path) not in self.missing:
            self.missing.append(str(path))
        return None

    def rows(self, name: str, artifact: Artifact, query: str, columns: Sequence[str]) -> list[Row]:
        """Return a query's rows in the artifact ``name``; none if it is not there."""
        path = self.path(name)
        return [] if path is None else sorted_rows(path, artifact, query, columns)

    def source_path(self, source: str) -> str | None:
        """Return the file of a source, None if the configuration does not have the source."""
        settings = self.config["sources"].get(source)
        return None if settings is None else str(settings["path"])
