"""The frames that the emulator generates, and the marker that identifies each frame."""
