"""The embedded demo's world: its sources, its benchmark and the models trained from scratch."""
