"""pass@1 of a model on a benchmark, averaged over k samples per question."""
