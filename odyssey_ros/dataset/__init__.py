"""Recordings and completed simulations as training data."""
