"""The version, which files that are written say, too."""

__version__ = "0.2.0"
