"""Snakemake's logger plugin ``plan``: a dry-run ends with what the run will cost.

It imports nothing of deepdistill by itself: the Snakefile decides which copy of it is used.
"""

import sys
from dataclasses import dataclass, field
from logging import LogRecord
from typing import Any, Optional

from snakemake_interface_logger_plugins.base import LogHandlerBase
from snakemake_interface_logger_plugins.settings import LogHandlerSettingsBase

LISTENER = "deepdistill.plan.listener"
"""The module that the Snakefile imports for us."""

# ruff: noqa: UP045 - Snakemake makes command line options of Optional[str], not of str | None


@dataclass
class LogHandlerSettings(LogHandlerSettingsBase):
    """The plugin's options on Snakemake's command line."""

    json: Optional[str] = field(
        default=None,
        metadata={"help": "File to write the plan of a dry-run to, as JSON (docs/plan.md)"},
    )
    html: Optional[str] = field(
        default=None,
        metadata={"help": "File to write the plan of a dry-run to, as one HTML page"},
    )


class LogHandler(LogHandlerBase):
    """Passes Snakemake's events on; the console's output stays as it is."""

    def __post_init__(self) -> None:
        self._listener: Any = None
        self._early: list[LogRecord] = []
        self._closed = False

    def emit(self, record: LogRecord) -> None:
        """Take an event; those from before the Snakefile was read wait until it was."""
        self._early.append(record)
        if self._listener is None and LISTENER in sys.modules:
            module = sys.modules[LISTENER]
            if hasattr(module, "Listener"):
                self._listener = module.Listener(self.common_settings, self.settings)
        if self._listener is not None:
            for waiting in self._early:
                self._listener.take(waiting)
            self._early.clear()

    def close(self) -> None:
        """Say what there is to say, once."""
        if not self._closed and self._listener is not None:
            self._closed = True
            self._listener.end()
        super().close()

    @property
    def writes_to_stream(self) -> bool:
        """No: that would take the place of Snakemake's own output."""
        return False

    @property
    def writes_to_file(self) -> bool:
        """No log file."""
        return False

    @property
    def has_filter(self) -> bool:
        """Yes, none: events come whatever ``--quiet`` says."""
        return True

    @property
    def has_formatter(self) -> bool:
        """Yes, none."""
        return True

    @property
    def needs_rulegraph(self) -> bool:
        """No."""
        return False
