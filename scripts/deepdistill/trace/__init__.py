"""Trace: where a query came from, what became of its responses, and who trained on them."""
