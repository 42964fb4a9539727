"""Runs many independent tasks at the same time: in local processes, or on a cluster."""
