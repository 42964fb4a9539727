"""Encoding, video tracks, recordings and MP4 files."""
