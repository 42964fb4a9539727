"""What the web servers of this package share: the hosts that they answer to, and their connections."""
