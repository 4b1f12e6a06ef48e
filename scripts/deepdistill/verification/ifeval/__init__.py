"""IFEval's instructions, after its paper (arXiv 2311.07911) and its code (Apache 2.0)."""
