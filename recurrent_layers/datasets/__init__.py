"""Data sets, under the names of Keras 0.1; they are looked for in ``~/.keras/datasets`` first."""
