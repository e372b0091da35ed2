"""Hostile trials of the library: ``python -m trials`` runs them, prints a line each, writes `trials/results/`."""
