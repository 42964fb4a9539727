"""Odyssey world models on the ROS 2 graph: a client, a local service, ROS nodes and dataset tools."""
