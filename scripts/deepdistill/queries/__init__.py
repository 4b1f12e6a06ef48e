"""Queries: raw question sets become clean, unique, sharded queries.

Every row of a source ends as kept or as dropped with one named reason; none disappears.
"""
