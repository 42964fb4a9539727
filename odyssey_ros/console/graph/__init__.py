"""The console's side of the graph: which nodes there are, their topics, and calls of their services."""
