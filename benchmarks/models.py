"""Measure whole models, padding and what else runs such layers: `compare.py` with these parts only."""

import sys

import compare

if __name__ == "__main__":
    compare.main(["--parts", *compare.MODEL_PARTS, *sys.argv[1:]])
