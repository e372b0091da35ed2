"""Weights from and to today's libraries: Keras 3, and PyTorch where its equations are the same.

Nothing here imports Keras or PyTorch (they may need another NumPy than the engine does): layers are exchanged
as plain data, configs as dicts and weights as arrays, which JSON and ``numpy.savez`` can carry from one
environment to the other. What would not give the same predictions is refused, with the reason.
"""

from __future__ import annotations

import inspect
import os
import re
from typing import Any, Collection, Iterable, Literal, Sequence, Union

import numpy as np

from recurrent_layers import activations
from recurrent_layers.layers.recurrent import GRU, LSTM, Recurrent, SimpleRNN
from recurrent_layers.typing import Array, ArrayLike, Config, Path, Weights
from recurrent_layers.utils.arguments import as_path, choice, flag, integer, items, number, shown, text
from recurrent_layers.utils.arrays import array_of_numbers
from recurrent_layers.utils.generic_utils import known_name

#: Layers that have an equal in Keras 3, or in PyTorch.
Exchanged = Union[SimpleRNN, GRU, LSTM]

_CLASSES: dict[str, Any] = {cls.__name__: cls for cls in (SimpleRNN, GRU, LSTM)}

#: The gates, in the order in which Keras 3 and PyTorch put their weights side by side.
_GATES_OF_KERAS3: dict[type, str] = {LSTM: "ifco", GRU: "zrh"}
_GATES_OF_TORCH: dict[type, str] = {LSTM: "ifco", GRU: "rzh"}

#: Those of PyTorch, by how many rows their weights have for each unit.
_CELLS_OF_TORCH: dict[float, Any] = {1: SimpleRNN, 3: GRU, 4: LSTM}

#: Activations of the same name that are the same function in Keras 3; its hard_sigmoid is another.
_SAME_IN_KERAS3 = ("tanh", "sigmoid", "relu", "linear", "softplus", "softmax")


#: The arguments of ours that both ways out hand on, or refuse where there is no place for them.
_HANDED_ON = ("input_dim", "output_dim", "activation", "inner_activation", "weights", "return_sequences", "reset_after",
              "go_backwards", "stateful")  # fmt: skip

#: Those that act at the beginning or in training only; any other would be lost and is refused.
_CHANGING_NO_PREDICTION = ("init", "inner_init", "forget_bias_init", "truncate_gradient", "return_state", "dropout_W",
                           "dropout_U", "gradient_clipping", "W_regularizer", "U_regularizer", "b_regularizer",
                           "activity_regularizer", "W_constraint", "U_constraint", "b_constraint")  # fmt: skip


def to_keras3(layer: Exchanged) -> tuple[Config, Weights]:
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
        output_dim), recurrent kernel (output_dim, gates * output_dim), bias (gates * output_dim,), or with
        `reset_after` (2, gates * output_dim).

    Raises
    ------
    ValueError
        If Keras 3 has no layer with the same equations.

    Examples
    --------
    >>> from recurrent_layers import LSTM
    >>> from recurrent_layers.exchange.conversion import to_keras3
    >>> config, weights = to_keras3(LSTM(3, 8, inner_activation="sigmoid"))
    >>> config["class_name"], config["config"]["units"], config["config"]["recurrent_activation"]
    ('LSTM', 8, 'sigmoid')
    >>> [weight.shape for weight in weights]
    [(3, 32), (8, 32), (32,)]
    """
    _refuse_others(layer, "Keras 3")
    config = {"units": layer.output_dim, "return_sequences": layer.return_sequences,
              "trainable": bool(layer.trainable), "activation": _keras3_name(layer.activation),
              "go_backwards": layer.go_backwards, "dropout": layer.dropout_W,
              "recurrent_dropout": layer.dropout_U, "stateful": layer.stateful}  # fmt: skip
    if not isinstance(layer, SimpleRNN):
        config["recurrent_activation"] = _keras3_name(layer.inner_activation)
    if isinstance(layer, GRU):
        config["reset_after"] = layer.reset_after
    kernel, recurrent_kernel, *biases = _side_by_side(layer, _GATES_OF_KERAS3)
    bias = np.stack(biases) if isinstance(layer, GRU) and layer.reset_after else biases[0]
    config = {"module": "keras.layers", "class_name": type(layer).__name__, "config": config}
    return config, [kernel, recurrent_kernel, bias]


def from_keras3(config: Config, weights: Iterable[ArrayLike]) -> Recurrent:
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
        If we have no layer with the same equations, the config is none, or the weights are not those of it.

    Examples
    --------
    >>> import numpy as np
    >>> from recurrent_layers.exchange.conversion import from_keras3
    >>> config = {"class_name": "GRU", "config": {"units": 8, "return_sequences": True}}
    >>> layer = from_keras3(config, [np.zeros((3, 24)), np.zeros((8, 24)), np.zeros((2, 24))])
    >>> type(layer).__name__, layer.input_dim, layer.output_dim, layer.reset_after
    ('GRU', 3, 8, True)
    """
    name, options = (config.get(key) for key in ("class_name", "config")) if isinstance(config, dict) else (None, None)
    if not isinstance(name, str) or not isinstance(options, dict):
        raise ValueError('config must be what keras.layers.serialize(layer) gives, a dict with "class_name" and '
                         f'"config", got {shown(config)}')
    if name not in _CLASSES:
        raise ValueError(f"only SimpleRNN, GRU and LSTM have the same equations in Keras 3, not {name}")
    arguments = _arguments_of_keras3(name, options)
    units, use_bias = integer("units", options.get("units")), flag("use_bias", options.get("use_bias", True))
    weights, names = items("weights", weights, "arrays"), ["kernel", "recurrent kernel", "bias"][:2 + use_bias]
    if len(weights) != len(names):
        raise ValueError(f"{name} of Keras 3 with use_bias={use_bias} has {len(names)} weights, {', '.join(names)}; "
                         f"got {len(weights)}")
    columns = units * len(_GATES_OF_KERAS3.get(_CLASSES[name], [""]))
    shapes = (None, columns), (units, columns), (2,) * arguments.get("reset_after", False) + (columns,)
    kernel, recurrent_kernel, *bias = map(_of_shape, [f"the {one} of {name}" for one in names], weights, shapes)
    layer = _CLASSES[name](kernel.shape[0], units, **arguments)
    layer.trainable = flag("trainable", options.get("trainable", True))
    # One bias, or also one of what is multiplied with the state.
    biases = np.zeros((2, columns))
    if use_bias:
        biases[:np.ndim(bias[0])] = bias[0]
    _take_apart(layer, _GATES_OF_KERAS3, kernel, recurrent_kernel, *biases)
    return layer


def _arguments_of_keras3(name: str, options: Config) -> dict[str, Any]:
    """The keyword arguments of our layer, from the config of one of Keras 3 within what `serialize` gives."""
    for option in ("return_state", "zero_output_for_mask"):
        if flag(option, options.get(option, False)):
            raise ValueError(f"this layer of Keras 3 has {option}=True, which ours have not")
    for option in _ONLY_IN_TRAINING:
        if options.get(option) is not None:
            raise ValueError(f"this layer of Keras 3 has {option}={shown(options[option])}, which ours have not; for "
                             "the same predictions set it to None in the config")
    arguments: dict[str, Any] = {option: flag(option, options.get(option, False))
                 for option in ("return_sequences", "go_backwards", "stateful")}  # fmt: skip
    arguments["activation"] = _our_name(options.get("activation", "tanh"))
    for option, ours in (("dropout", "dropout_W"), ("recurrent_dropout", "dropout_U")):
        arguments[ours] = number(option, options.get(option, 0.0), least=0.0, below=1.0)
    if name != "SimpleRNN":
        arguments["inner_activation"] = _our_name(options.get("recurrent_activation", "sigmoid"))
    if name == "GRU":
        arguments["reset_after"] = flag("reset_after", options.get("reset_after", True))
    return arguments


def to_torch(layer: Exchanged) -> dict[str, Array]:
    """The weights of a layer as PyTorch takes them.

    Parameters
    ----------
    layer : LSTM, SimpleRNN, or GRU with `reset_after`

    Returns
    -------
    dict of str to numpy.ndarray
        weight_ih_l0, weight_hh_l0, bias_ih_l0 and bias_hh_l0, to be made tensors and handed to
        `load_state_dict` of ``torch.nn.LSTM(input_dim, output_dim, batch_first=True)``, of ``torch.nn.GRU`` or of
        ``torch.nn.RNN``.

    Raises
    ------
    ValueError
        If PyTorch has no layer with the same equations.

    Examples
    --------
    >>> from recurrent_layers import LSTM
    >>> from recurrent_layers.exchange.conversion import to_torch
    >>> arrays = to_torch(LSTM(3, 8, inner_activation="sigmoid"))
    >>> {name: array.shape for name, array in arrays.items()}
    {'weight_ih_l0': (32, 3), 'weight_hh_l0': (32, 8), 'bias_ih_l0': (32,), 'bias_hh_l0': (32,)}
    """
    _refuse_others(layer, "PyTorch")
    if layer.go_backwards:
        raise ValueError("PyTorch has no layer that only goes backwards: turn its input round")
    if layer.stateful:
        raise ValueError("PyTorch has no stateful layer: give each call the states that the last one has returned")
    if isinstance(layer, GRU) and not layer.reset_after:
        raise ValueError("torch.nn.GRU applies the reset gate after the product, r * (U_h.h_tm1 + b), and this one "
                         "before it, U_h.(r * h_tm1): no weights make them equal; with reset_after=True they are")
    activation, name = _function_name(layer.activation), type(layer).__name__
    if not isinstance(layer, SimpleRNN) and (activation, _function_name(layer.inner_activation)) != (
            "tanh", "sigmoid"):  # fmt: skip
        raise ValueError(f"torch.nn.{name} always has activation='tanh' and inner_activation='sigmoid', but this one "
                         f"has {activation} and {_function_name(layer.inner_activation)}")
    if isinstance(layer, SimpleRNN) and activation not in ("tanh", "relu"):
        raise ValueError(f"torch.nn.RNN has activation 'tanh' or 'relu' only, but this one has {activation}")
    kernel, recurrent_kernel, *biases = _side_by_side(layer, _GATES_OF_TORCH)
    return {"weight_ih_l0": kernel.T, "weight_hh_l0": recurrent_kernel.T,
            "bias_ih_l0": biases[0], "bias_hh_l0": biases[1]}  # fmt: skip


def from_torch(state_dict: dict[str, ArrayLike] | Path, nonlinearity: Literal["tanh", "relu"] = "tanh",
               return_sequences: bool = True, layer: int = 0, prefix: str = "") -> Recurrent:
    """A layer of ours from ``torch.nn.LSTM``, ``torch.nn.GRU`` or ``torch.nn.RNN``.

    Parameters
    ----------
    state_dict : dict of str to numpy.ndarray, or str, bytes or path-like
        What the module's `state_dict` gave, with each tensor made an array (``tensor.numpy()``); or the path of a file
        of safetensors that it was saved in, which needs the package: ``pip install safetensors``.
    nonlinearity : {"tanh", "relu"}
        That of a ``torch.nn.RNN``, which its weights do not tell.
    return_sequences : bool
        Return every step, as PyTorch does, rather than the last.
    layer : int
        Which layer of a stacked module (num_layers > 1) to take.
    prefix : str
        What stands before the names of the module's weights in those of a whole model, such as "encoder.lstm."; all
        others are passed over.

    Returns
    -------
    LSTM, GRU or SimpleRNN

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ImportError
        If it is one, and there is no package safetensors.
    ValueError
        If we have no layer with the same equations, there are no such weights, or others besides, or an argument is
        none of these; or if the file is none of safetensors.

    Examples
    --------
    >>> import numpy as np
    >>> from recurrent_layers.exchange.conversion import from_torch
    >>> arrays = {"encoder.weight_ih_l0": np.zeros((32, 3)), "encoder.weight_hh_l0": np.zeros((32, 8))}
    >>> layer = from_torch(arrays, prefix="encoder.")
    >>> type(layer).__name__, layer.input_dim, layer.output_dim
    ('LSTM', 3, 8)

    A file is read by its path: ``from_torch("model.safetensors", prefix="encoder.")``.
    """
    nonlinearity, layer = choice("nonlinearity", nonlinearity, "tanh", "relu"), integer("layer", layer, least=0)
    weights = _weights_of_torch(state_dict, layer, text("prefix", prefix))
    (_, weight), (recurrent_name, recurrent_weight), *_ = weights.items()
    rows, units = recurrent_weight.shape
    cls = _CELLS_OF_TORCH.get(rows / units) if units else None
    if cls is None:
        raise ValueError(f"{recurrent_name} of a torch.nn.LSTM has shape (4 * output_dim, output_dim), of a "
                         "torch.nn.GRU (3 * output_dim, output_dim), of a torch.nn.RNN (output_dim, output_dim), got "
                         f"{(rows, units)}")
    for name, array in weights.items():
        _of_shape(name, array, (rows, *array.shape[1:]))
    options: dict[str, Any] = {"return_sequences": return_sequences, "activation": nonlinearity}
    if cls is not SimpleRNN:
        if nonlinearity != "tanh":
            raise ValueError("nonlinearity is that of a torch.nn.RNN, but these are the weights of a "
                             f"torch.nn.{cls.__name__}, which always has 'tanh'")
        options["inner_activation"] = "sigmoid"
    if cls is GRU:
        options["reset_after"] = True
    made = cls(weight.shape[1], units, **options)
    kernel, recurrent_kernel, *biases = (array.T for array in weights.values())
    _take_apart(made, _GATES_OF_TORCH, kernel, recurrent_kernel, *(biases or np.zeros((2, rows))))
    return made


def _weights_of_torch(state_dict: dict[str, ArrayLike] | Path, layer: int, prefix: str) -> dict[str, Array]:
    """The two or four weights of a layer, by their names, from what :func:`from_torch` is given."""
    names = [f"{prefix}{kind}_l{layer}" for kind in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")]
    if isinstance(state_dict, (str, bytes, os.PathLike)):
        state_dict = _from_safetensors(as_path("state_dict", state_dict), names)
    if not isinstance(state_dict, dict) or not all(isinstance(key, str) for key in state_dict):
        raise ValueError(f"state_dict must be a dict of names and arrays, got {shown(state_dict)}")
    if not set(names[:2]) <= set(state_dict):
        raise ValueError(f"there is no {names[0]} and {names[1]} among {_some_of(state_dict)}{_prefixes(state_dict)}")
    state_dict = {key: value for key, value in state_dict.items() if key.startswith(prefix)}
    if f"{prefix}weight_hr_l{layer}" in state_dict:
        raise ValueError("modules with proj_size have no equal here")
    if f"{prefix}weight_ih_l{layer}_reverse" in state_dict:
        raise ValueError("this module is bidirectional, and what is made here goes one way: make a layer of each "
                         "direction, of the one that goes backwards with '_reverse' taken out of the names, and set "
                         "the weights of a Bidirectional to those of both, the one that goes forwards first; or export "
                         "the module to ONNX, and read that by from_onnx")
    others = sorted(key for key in state_dict
                    if re.search(f"_l{layer}(?![0-9])", key[len(prefix):]) and key not in names)  # fmt: skip
    if others:
        raise ValueError(f"there is {', '.join(others)} besides {', '.join(names)}, for which there is no place here")
    if len(set(names[2:]) & set(state_dict)) == 1:
        raise ValueError(f"there must be both {names[2]} and {names[3]}, or none of them (bias=False)")
    return {name: _of_shape(name, state_dict[name], (None, None) if name in names[:2] else (None,))
            for name in names if name in state_dict}  # fmt: skip


#: What changes how a layer of Keras 3 is trained, but no prediction.
_ONLY_IN_TRAINING = [f"{what}_{kind}" for kind in ("regularizer", "constraint")
                     for what in ("kernel", "recurrent", "bias", "activity")]  # fmt: skip


def _some_of(names: Collection[str]) -> str:
    """Names in a message."""
    listed = ", ".join(sorted(names)[:50]) or "nothing"
    return f"{listed} and {len(names) - 50} others" if len(names) > 50 else listed


def _prefixes(names: Iterable[str]) -> str:
    """What may have been meant by the prefix of names."""
    found = sorted({name[:-len("weight_ih_l0")] for name in names if name.endswith(".weight_ih_l0")})
    return f"; prefix may be {' or '.join(map(repr, found[:20]))}" if found else ""


def _from_safetensors(path: str, names: list[str]) -> dict[str, ArrayLike]:
    """The arrays of these names in a file of safetensors; of all others only the names."""
    try:
        from safetensors import SafetensorError, safe_open
    except ImportError:
        raise ImportError("a file of safetensors needs the package: pip install safetensors") from None
    if not os.path.isfile(path):
        raise FileNotFoundError(f"there is no file {path}")
    try:
        with safe_open(path, framework="np") as file:
            for name in set(names).intersection(file.keys()):
                dtype = file.get_slice(name).get_dtype()
                if dtype not in ("F16", "F32", "F64"):
                    raise ValueError(f"{name} is of type {dtype}; call module.float() before you save it")
            return {name: file.get_tensor(name) if name in names else None for name in file.keys()}
    except (SafetensorError, OSError, ValueError) as error:
        raise ValueError(f"{path} is no whole file of safetensors with weights as this needs them: {error}") from error


def _of_shape(name: str, weight: ArrayLike, shape: Sequence[int | None]) -> Array:
    """A weight as an array, whose sizes are those of `shape`, where they are not None."""
    weight = array_of_numbers(name, weight)
    if weight.ndim != len(shape) or any(size not in (None, given) for size, given in zip(shape, weight.shape)):
        raise ValueError(f"{name} must have shape {shape} (None is any size), got {weight.shape}")
    if not np.isfinite(weight).all():
        raise ValueError(f"{name} has NaN or infinity")
    return weight


def _refuse_others(layer: object, library: str) -> None:
    if type(layer) not in (SimpleRNN, GRU, LSTM):
        raise ValueError(f"{library} has no layer with the equations of {type(layer).__name__}")
    for option, parameter in inspect.signature(type(layer)).parameters.items():
        if option not in _HANDED_ON + _CHANGING_NO_PREDICTION and getattr(layer, option) != parameter.default:
            raise ValueError(f"{library} has no layer with {option}; this one has {shown(getattr(layer, option))}")


def _function_name(function: object) -> str:
    """The name of an activation of ours; a function of somebody else's is never one of these, whatever its name."""
    return known_name(function, activations.KNOWN) or repr(function)


def _keras3_name(function: object) -> str:
    name = _function_name(function)
    if name == "hard_sigmoid":
        raise ValueError("hard_sigmoid is max(0, min(1, 0.2 x + 0.5)) here and max(0, min(1, x / 6 + 0.5)) in Keras 3; "
                         "only layers with other activations, such as 'sigmoid', can be converted")
    if name not in _SAME_IN_KERAS3:
        raise ValueError(f"Keras 3 may not have the activation {name}; the same in both are "
                         + ", ".join(_SAME_IN_KERAS3))
    return name


def _our_name(name: object) -> str:
    if not isinstance(name, str) or name not in _SAME_IN_KERAS3:
        raise ValueError(f"the activation {shown(name)} of Keras 3 may be another one here; the same in both are "
                         + ", ".join(_SAME_IN_KERAS3))
    return name


def _suffixes(layer: object, gates: dict[type, str]) -> list[str]:
    return ["_" + gate for gate in gates[type(layer)]] if type(layer) in gates else [""]


def _side_by_side(layer: Any, gates: dict[type, str]) -> list[Array]:
    """The weights of all gates in one kernel and one recurrent kernel, and the biases of what these give."""
    suffixes, nothing = _suffixes(layer, gates), np.zeros(layer.output_dim)
    kernel, recurrent_kernel, bias = (np.concatenate([getattr(layer, kind + suffix).get_value() for suffix in suffixes],
                                                     axis=-1) for kind in "WUb")  # fmt: skip
    within = [layer.b_Uh.get_value() if "b_Uh" in layer.param_names and suffix == "_h" else nothing
              for suffix in suffixes]  # fmt: skip
    return [kernel, recurrent_kernel, bias, np.concatenate(within).astype(bias.dtype)]


def _take_apart(layer: Any, gates: dict[type, str], *joined: Array) -> None:
    """Set a layer's weights from those of all gates side by side; see :func:`_apart`."""
    # Behind them there may be states to begin with, which stay.
    layer.set_weights(_apart(layer, gates, *joined) + layer.get_weights()[len(layer.param_names):])


def _apart(layer: Any, gates: dict[type, str], kernel: Array, recurrent_kernel: Array, bias: Array,
           recurrent_bias: Array) -> list[Array]:
    """The weights of a layer from those of all gates side by side. Of two biases that are added one is enough."""
    suffixes, values = _suffixes(layer, gates), {}
    for kind, joined in (("W", kernel), ("U", recurrent_kernel), ("b", bias), ("b_U", recurrent_bias)):
        for suffix, value in zip(suffixes, np.split(np.asarray(joined), len(suffixes), axis=-1)):
            values[kind + suffix] = value
    for suffix in suffixes:
        within = values.pop("b_U" + suffix)
        if suffix == "_h" and "b_Uh" in layer.param_names:
            values["b_Uh"] = within
        else:
            values["b" + suffix] = values["b" + suffix] + within
    return [values[name] for name in layer.param_names]
