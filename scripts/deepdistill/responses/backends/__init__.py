"""Backends: what turns requests into completions."""
