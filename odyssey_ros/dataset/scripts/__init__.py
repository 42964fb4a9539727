"""Script files: the episodes that they describe, with every text as it is written."""
