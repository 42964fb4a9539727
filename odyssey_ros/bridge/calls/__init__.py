"""The services and the action of the bridge."""
