"""Recordings and finished jobs on the topics of a live stream."""
