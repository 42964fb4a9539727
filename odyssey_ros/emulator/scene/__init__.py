"""The pictures that the emulator generates, and the marker that identifies each of them."""
