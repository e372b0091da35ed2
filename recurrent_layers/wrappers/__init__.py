"""Models for other libraries, under the names of Keras 0.1."""
