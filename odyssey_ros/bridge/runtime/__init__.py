"""The ROS foundation of every node: lifecycle, asyncio thread, parameters and quality of service."""
