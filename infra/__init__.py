"""What makes it run? The log, its stream, the keys, the read models, the server, the command line."""
