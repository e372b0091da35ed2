"""Data sets, under the names of Keras 0.1; they are looked for in ``~/.keras/datasets`` first."""

__all__ = ["cifar", "cifar10", "cifar100", "data_utils", "imdb", "mnist", "reuters"]
