"""Plays recordings and completed simulation jobs on the topics of a live stream."""
