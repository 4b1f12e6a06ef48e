"""IFEval's verifiable instructions (Zhou et al. 2023, arXiv 2311.07911), own implementation."""
