"""What input pictures need before and after their decoder: limits, metadata and colours.

The client and the emulator use these modules, because they must accept the same pictures. Nothing here is
part of the wire protocol. Pillow is imported only when a picture is given.
"""
