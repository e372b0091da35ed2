"""Pictures of models, which raise when they are asked for; see `recurrent_layers.elsewhere`."""

from recurrent_layers.elsewhere import functions_elsewhere

__all__ = ["plot"]

(plot,) = functions_elsewhere(__name__, "plot")
