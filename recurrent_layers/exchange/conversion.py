"""Weights from and to today's libraries: Keras 3, and PyTorch where its equations are the same.

Nothing here imports Keras or PyTorch (they may need another NumPy than the engine does): layers are exchanged
as plain data, configs as dicts and weights as arrays, which JSON and ``numpy.savez`` can carry from one
environment to the other. What would not give the same predictions is refused, with the reason.
"""

import numpy as np

from recurrent_layers import activations
from recurrent_layers.layers.recurrent import GRU, LSTM, SimpleRNN
from recurrent_layers.utils.generic_utils import known_name

#: The gates, in the order in which Keras 3 and PyTorch put their weights side by side.
_GATES = {LSTM: "ifco", GRU: "zrh"}

#: Activations of the same name that are the same function in Keras 3; its hard_sigmoid is another.
_SAME_IN_KERAS3 = ("tanh", "sigmoid", "relu", "linear", "softplus", "softmax")


def to_keras3(layer):
    """A layer as Keras 3 takes it.

    Parameters
    ----------
    layer : SimpleRNN, GRU or LSTM

    Returns
    -------
    config : dict
        For ``keras.layers.deserialize(config)``.
    weights : list of numpy.ndarray
        For `set_weights` of the layer that this makes, once it is built: kernel (input_dim, gates *
        output_dim), recurrent kernel (output_dim, gates * output_dim), bias (gates * output_dim,).

    Raises
    ------
    ValueError
        If Keras 3 has no layer with the same equations.
    """
    _refuse_others(layer, "Keras 3")
    config = {"units": layer.output_dim, "return_sequences": layer.return_sequences,
              "activation": _keras3_name(layer.activation)}  # fmt: skip
    if not isinstance(layer, SimpleRNN):
        config["recurrent_activation"] = _keras3_name(layer.inner_activation)
    if isinstance(layer, GRU):
        config["reset_after"] = False
    return {"module": "keras.layers", "class_name": type(layer).__name__, "config": config}, _side_by_side(layer)


def from_keras3(config, weights):
    """A layer of ours from one of Keras 3.

    Parameters
    ----------
    config : dict
        What ``keras.layers.serialize(layer)`` gave: it has "class_name" and "config".
    weights : list of numpy.ndarray
        What the layer's `get_weights` gave.

    Returns
    -------
    SimpleRNN, GRU or LSTM

    Raises
    ------
    ValueError
        If we have no layer with the same equations.
    """
    classes = {cls.__name__: cls for cls in (SimpleRNN, GRU, LSTM)}
    name, config = config["class_name"], config["config"]
    if name not in classes:
        raise ValueError(f"only SimpleRNN, GRU and LSTM have the same equations in Keras 3, not {name}")
    if name == "GRU" and config.get("reset_after", True):
        raise ValueError("this GRU of Keras 3 has reset_after=True: it applies the reset gate after the product, "
                         "r * (U_h.h_tm1), and ours before it, U_h.(r * h_tm1); only reset_after=False will do")
    for option in ("go_backwards", "stateful", "return_state"):
        if config.get(option):
            raise ValueError(f"this layer of Keras 3 has {option}=True, which ours have not")
    kernel, recurrent_kernel = weights[:2]
    bias = weights[2] if len(weights) > 2 else np.zeros(kernel.shape[1])
    arguments = {"activation": _our_name(config.get("activation", "tanh")),
                 "return_sequences": bool(config.get("return_sequences", False))}
    if name != "SimpleRNN":
        arguments["inner_activation"] = _our_name(config.get("recurrent_activation", "sigmoid"))
    layer = classes[name](int(kernel.shape[0]), int(recurrent_kernel.shape[0]), **arguments)
    _take_apart(layer, kernel, recurrent_kernel, bias)
    return layer


def to_torch(layer):
    """The weights of a layer as PyTorch takes them.

    Parameters
    ----------
    layer : LSTM or SimpleRNN

    Returns
    -------
    dict of str to numpy.ndarray
        weight_ih_l0, weight_hh_l0, bias_ih_l0 and bias_hh_l0, to be made tensors and handed to
        `load_state_dict` of ``torch.nn.LSTM(input_dim, output_dim, batch_first=True)`` or of ``torch.nn.RNN``.

    Raises
    ------
    ValueError
        If PyTorch has no layer with the same equations.
    """
    _refuse_others(layer, "PyTorch")
    if isinstance(layer, GRU):
        raise ValueError(_TORCH_GRU)
    activation = _function_name(layer.activation)
    if isinstance(layer, LSTM) and (activation, _function_name(layer.inner_activation)) != ("tanh", "sigmoid"):
        raise ValueError("torch.nn.LSTM always has activation='tanh' and inner_activation='sigmoid', but this one has "
                         f"{activation} and {_function_name(layer.inner_activation)}")
    if isinstance(layer, SimpleRNN) and activation not in ("tanh", "relu"):
        raise ValueError(f"torch.nn.RNN has activation 'tanh' or 'relu' only, but this one has {activation}")
    kernel, recurrent_kernel, bias = _side_by_side(layer)
    return {"weight_ih_l0": kernel.T, "weight_hh_l0": recurrent_kernel.T,
            "bias_ih_l0": bias, "bias_hh_l0": np.zeros_like(bias)}


def from_torch(state_dict, nonlinearity="tanh", return_sequences=True, layer=0):
    """A layer of ours from ``torch.nn.LSTM`` or ``torch.nn.RNN``.

    Parameters
    ----------
    state_dict : dict of str to numpy.ndarray
        What the module's `state_dict` gave, with each tensor made an array (``tensor.numpy()``).
    nonlinearity : {"tanh", "relu"}
        That of a ``torch.nn.RNN``, which its weights do not tell.
    return_sequences : bool
        Return every step, as PyTorch does, rather than the last.
    layer : int
        Which layer of a stacked module (num_layers > 1) to take.

    Returns
    -------
    LSTM or SimpleRNN

    Raises
    ------
    ValueError
        If we have no layer with the same equations, or there are no such weights.
    """
    names = [f"{kind}_l{layer}" for kind in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")]
    if not set(names[:2]) <= set(state_dict):
        raise ValueError(f"there is no {names[0]} and {names[1]} among {', '.join(sorted(state_dict))}")
    if f"weight_ih_l{layer}_reverse" in state_dict or f"weight_hr_l{layer}" in state_dict:
        raise ValueError("bidirectional modules and those with proj_size have no equal here")
    kernel, recurrent_kernel = (np.asarray(state_dict[name]).T for name in names[:2])
    gates = kernel.shape[1] // recurrent_kernel.shape[0]
    if gates == 3:
        raise ValueError(_TORCH_GRU)
    # PyTorch adds two biases, where one is enough.
    bias = sum(np.asarray(state_dict[name]) for name in names[2:] if name in state_dict) + np.zeros(kernel.shape[1])
    sizes = int(kernel.shape[0]), int(recurrent_kernel.shape[0])
    if gates == 4:
        made = LSTM(*sizes, activation="tanh", inner_activation="sigmoid", return_sequences=return_sequences)
    elif nonlinearity in ("tanh", "relu"):
        made = SimpleRNN(*sizes, activation=nonlinearity, return_sequences=return_sequences)
    else:
        raise ValueError(f"nonlinearity must be 'tanh' or 'relu', got {nonlinearity!r}")
    _take_apart(made, kernel, recurrent_kernel, bias)
    return made


_TORCH_GRU = ("torch.nn.GRU applies the reset gate after the product, r * (U_h.h_tm1 + b), and ours before it, "
              "U_h.(r * h_tm1): no weights make them equal")


def _refuse_others(layer, library):
    if type(layer) not in (SimpleRNN, GRU, LSTM):
        raise ValueError(f"{library} has no layer with the equations of {type(layer).__name__}")


def _function_name(function):
    """The name of an activation of ours; a function of somebody else's is never one of these, whatever its name."""
    return known_name(function, activations.KNOWN) or repr(function)


def _keras3_name(function):
    name = _function_name(function)
    if name == "hard_sigmoid":
        raise ValueError("hard_sigmoid is max(0, min(1, 0.2 x + 0.5)) here and max(0, min(1, x / 6 + 0.5)) in Keras 3; "
                         "only layers with other activations, such as 'sigmoid', can be converted")
    if name not in _SAME_IN_KERAS3:
        raise ValueError(f"Keras 3 may not have the activation {name}; the same in both are "
                         + ", ".join(_SAME_IN_KERAS3))
    return name


def _our_name(name):
    if name not in _SAME_IN_KERAS3:
        raise ValueError(f"the activation {name!r} of Keras 3 may be another one here; the same in both are "
                         + ", ".join(_SAME_IN_KERAS3))
    return name


def _suffixes(layer):
    return ["_" + gate for gate in _GATES[type(layer)]] if type(layer) in _GATES else [""]


def _side_by_side(layer):
    """The weights of all gates in one kernel, one recurrent kernel and one bias."""
    return [np.concatenate([getattr(layer, kind + suffix).get_value() for suffix in _suffixes(layer)], axis=-1)
            for kind in "WUb"]


def _take_apart(layer, kernel, recurrent_kernel, bias):
    """Set a layer's weights from those of all gates side by side."""
    suffixes, values = _suffixes(layer), {}
    for kind, joined in zip("WUb", (kernel, recurrent_kernel, bias)):
        for suffix, value in zip(suffixes, np.split(np.asarray(joined), len(suffixes), axis=-1)):
            values[kind + suffix] = value
    layer.set_weights([values[name] for name in layer.param_names])
