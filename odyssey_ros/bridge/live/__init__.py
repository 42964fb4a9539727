"""A live stream on the graph: the supervisors, their binding to a node, status and diagnostics."""
