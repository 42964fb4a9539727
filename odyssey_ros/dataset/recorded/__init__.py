"""Bags that users recorded with `ros2 bag record`, as episodes of a dataset folder."""
