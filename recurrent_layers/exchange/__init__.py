"""What enters and leaves a model: weight files, configs and JSON, pickles, the layers of Keras 3 and of PyTorch."""
