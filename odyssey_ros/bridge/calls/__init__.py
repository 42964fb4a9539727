"""Services and the action of the bridge."""
