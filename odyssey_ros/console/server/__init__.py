"""The web server of the console: who may use it, its routes and its sockets."""
