"""Plan: what jobs will compute, how long it takes, what they need and what it costs."""
