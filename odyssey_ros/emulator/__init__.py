"""A local Odyssey service on the real service's wire."""
