"""The episodes of a dataset folder: their pictures, labels and events, read from the bags."""
