"""Simulation jobs: the queue, the scripts, and the processes that render them."""
