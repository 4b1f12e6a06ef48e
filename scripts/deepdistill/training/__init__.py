"""Supervised fine-tuning on selected responses: one recipe, one data set, one checkpoint."""
