"""Verification: each response's answer is checked by the verifier of its query's category."""
