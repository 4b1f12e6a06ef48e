"""Difficulty: how often, and how unevenly, each teacher solves a query."""
