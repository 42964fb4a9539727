"""Video encoding, video tracks, recordings and MP4 files."""
