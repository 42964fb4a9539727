"""Downloads of files of the service."""
