"""Recordings and finished simulations as data."""
