"""A live stream on the graph: supervisors, their binding to a node, status, events and diagnostics."""
