"""Pictures of models, under the name that they had before Keras 0.1.3; see `recurrent_layers.elsewhere`."""

from recurrent_layers.elsewhere import WAY_OUT, classes_elsewhere

__all__ = ["Grapher"]

(Grapher,) = classes_elsewhere(__name__, "Grapher", instead=f"as utils.visualize_util.plot, {WAY_OUT}")
