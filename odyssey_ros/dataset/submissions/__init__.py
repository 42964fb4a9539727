"""Simulation jobs: submitted once, found again after an interruption, polled to their end."""
