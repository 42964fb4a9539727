"""The operator console: a web page that operates the nodes of the graph, as an ordinary client of it."""
