"""What makes a recurrence run by scan."""


class Unsupported(Exception):
    """C code cannot be written for something; the engine's scan can do it."""
