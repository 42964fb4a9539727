"""What every node needs from ROS: a managed node, its asyncio thread, parameters, quality of service."""
