"""Video files: their pictures in order, upright, with numbers and times."""
