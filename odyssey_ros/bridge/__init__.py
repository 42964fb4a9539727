"""The ROS 2 nodes. Only this folder imports rclpy and message classes."""
