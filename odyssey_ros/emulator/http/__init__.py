"""The HTTP service: its endpoints, answers and request fields."""
