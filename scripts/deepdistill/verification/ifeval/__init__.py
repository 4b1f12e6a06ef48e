"""IFEval's instructions, after its definitions (arXiv 2311.07911) and reference code (Apache 2.0)."""
