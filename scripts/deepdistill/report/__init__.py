"""Report: one self-contained HTML page about everything that a run of the workflow made."""
