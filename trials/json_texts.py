"""JSON that somebody else wrote."""

import copy
import itertools
import json
import random
import time

import numpy as np

import recurrent_layers as rl
from trials.children import described, in_children

SECONDS, MEMORY = 10.0, 1000  # MB of addresses.
REFUSED_WITHIN = 200  # MB.


def compiled():
    model = rl.Sequential([
        rl.Masking(0.0), rl.GRU(2, 3, truncate_gradient=4), rl.Dropout(0.2),
        rl.Sequential([rl.Dense(3, 4, W_regularizer=rl.regularizers.l2(0.1)), rl.Activation("relu")]),
        rl.RepeatVector(2),
        rl.TimeDistributedDense(4, 2, W_constraint=rl.constraints.maxnorm(2), activity_regularizer="activity_l1"),
    ])  # fmt: skip
    model.compile(rl.optimizers.Adam(clipnorm=1.0), "mse", theano_mode="FAST_COMPILE")
    return model


def trial(run):
    """Mutated JSON of a compiled model gives a ValueError or a model that works: nothing else, in bounded memory."""
    model = compiled()
    good = model.to_json()
    model.predict(np.zeros((2, 3, 2)))  # What the engine compiles even so is in its cache then.
    counts, slowest, most = {"models": 0, "refused": 0}, 0.0, 0.0

    def work(number):
        text = mutated(good, run.seed, number)
        run.notes(reproduction(good, run.seed, number))
        began = time.monotonic()
        return (*attempt(text, is_used=number % 8 == 0), time.monotonic() - began)

    run.begins()
    for case in in_children(work, run.goes_on, SECONDS, MEMORY):
        run.tries()
        kind, what, message, seconds = case.value or ("ended", case.problem, case.where, 0.0)
        counts[kind] = counts.get(kind, 0) + 1
        slowest, most = max(slowest, seconds), max(most, case.megabytes)
        if kind == "refused" and case.megabytes > REFUSED_WITHIN:
            kind, what = "memory", f"a text is refused after more than {REFUSED_WITHIN} MB"
        if what:
            run.fails(f"{kind}: {what}", f"{message}; {reproduction(good, run.seed, case.number)}".lstrip("; "))
    wrong = sum(failure["count"] for failure in run.failures.values())
    run.figures.update(counts, slowest_seconds=round(slowest, 2), megabytes_more=round(most, 1))
    return (f"{counts['refused']} of {run.tried} mutated texts refused, {counts['models']} models that work, "
            f"{wrong} wrong; the slowest took {slowest:.1f} s, at most {most:.0f} MB more")


def attempt(text, is_used):
    """What comes of a text: a kind, what is wrong if something is, and a message."""
    try:
        model = rl.model_from_json(text)
    except ValueError:
        return "refused", "", ""
    except BaseException as error:
        return ("foreign error", *described(error))
    try:
        works(model, is_used)
    except BaseException as error:
        return ("a model that does not work", *described(error))
    return "models", "", ""


def reproduction(good, seed, number):
    """The number of a text, and in what it differs."""
    text = mutated(good, seed, number)
    try:
        parts = [differences(json.loads(good), json.loads(text))]
    except (ValueError, RecursionError):
        parts = []
    shown = "; ".join(itertools.chain(*parts)) or text
    return f"trials.json_texts.mutated(good, {seed}, {number}): {shown[:200]}"


def differences(good, other, path="model"):
    """Say where two configs differ."""
    if type(good) is type(other) is dict:
        for key in {**good, **other}:
            if key not in other:
                yield f"del {path}[{key!r}]"
            elif key not in good:
                yield f"{path}[{key!r}] = {other[key]!r}"
            else:
                yield from differences(good[key], other[key], f"{path}[{key!r}]")
    elif type(good) is type(other) is list and len(good) == len(other):
        for k, (one, another) in enumerate(zip(good, other)):
            yield from differences(one, another, f"{path}[{k}]")
    elif repr(good) != repr(other):
        yield f"{path} = {other!r}"


def works(model, is_used):
    """Raise if a model is none."""
    assert isinstance(model, rl.Sequential), type(model)
    assert all(np.isfinite(weight).all() for weight in model.get_weights()), "weights are not finite"
    # To compile it once more would only take time.
    layers = json.dumps({"name": "Sequential", "layers": json.loads(model.to_json())["layers"]})
    assert rl.model_from_json(layers).to_json() == layers, "another one comes back"
    if is_used and "optimizer" in model.get_config() and model.layers:
        # Modes that compile in C take their time; and the first layer may be another one by now.
        if model.input_ndim == 3 and model.theano_mode == "FAST_COMPILE":
            dim = (model.input_shape or (None, None, None))[-1] or 2
            model.predict(np.zeros((2, 3, dim)))


# ---- Mutations --------------------------------------------------------------------------------------------

NAMES = ["Sequential", "LSTM", "Dense", "Layer", "Recurrent", "MaskedLayer", "Adam", "sgd", "mse", "maxnorm", "l2",
         "exit", "os.system", "__import__('os').abort()", "__class__", "eval", "", "\x00", "lstm", "Keras"]  # fmt: skip
MODES = ["FAST_RUN", "FAST_COMPILE", "DebugMode", "Mode", "NUMBA", "JAX", "", "mode", "ProfileMode", "py"]
VALUES = [None, True, False, 0, 1, -1, 2, 0.5, -0.5, 1e308, 1e400, float("nan"), -float("inf"), 2**31, 2**63, 10**30,
          -2**70, "", "2", "é\ud800", "a" * 10000, [], [1], [[]], {}, {"name": "LSTM"}, {"name": {}}, [None] * 5,
          {"": 0}, {"name": "Sequential", "layers": []}, *NAMES]  # fmt: skip


def mutated(good, seed, number):
    """The text of a number."""
    chance = random.Random(f"{seed} {number}")
    if number % 4 == 3:
        return chance.choice(OF_TEXT)(good, chance)
    config = json.loads(good)
    for _ in range(chance.choice((1, 1, 1, 2, 4))):
        config = chance.choice(OF_CONFIG)(config, chance)
    return json.dumps(config)


def places(config, within=()):
    """The paths to all that there is in it."""
    found = [within] if within else []
    items = config.items() if isinstance(config, dict) else enumerate(config) if isinstance(config, list) else ()
    for key, value in items:
        found += places(value, within + (key,))
    return found


def a_place(config, chance):
    """Something in it: what holds it, and its key there; None if there is nothing."""
    found = places(config)
    if not found:
        return None, None
    *path, key = chance.choice(found)
    for step in path:
        config = config[step]
    return config, key


def replace(config, chance):
    holder, key = a_place(config, chance)
    if holder is not None:
        holder[key] = copy.deepcopy(chance.choice(VALUES))
    return config


def delete(config, chance):
    holder, key = a_place(config, chance)
    if holder is not None:
        del holder[key]
    return config


def add(config, chance):
    holder, _ = a_place(config, chance)
    if isinstance(holder, dict):
        key = chance.choice(["name", "weights", "layers", "optimizer", "loss", "class_mode", "input_dim", "activation",
                             "W_constraint", "theano_mode", "self", "cls", "__init__", "depth", "", "clipnorm",
                             "trainable"])
        holder[key] = copy.deepcopy(chance.choice(VALUES))
    elif isinstance(holder, list):
        holder.insert(chance.randrange(len(holder) + 1), copy.deepcopy(chance.choice(VALUES)))
    return config


def rename(config, chance):
    holder, key = a_place(config, chance)
    if isinstance(holder, dict):
        holder["name"] = chance.choice(NAMES)
    return config


def exchange(config, chance):
    one, key = a_place(config, chance)
    other, place = a_place(config, chance)
    if one is not None and other is not None:
        one[key] = copy.deepcopy(other[place])
    return config


def other_mode(config, chance):
    if isinstance(config, dict):
        config["theano_mode"] = chance.choice(MODES + VALUES)
    return config


def repeat(config, chance):
    if isinstance(config, dict) and isinstance(config.get("layers"), list) and config["layers"]:
        config["layers"] = config["layers"] + [copy.deepcopy(chance.choice(config["layers"]))]
    return config


OF_CONFIG = [replace, replace, replace, delete, add, rename, exchange, other_mode, repeat]


def other_letters(good, chance):
    letters = list(good)
    for _ in range(chance.choice((1, 1, 3, 20))):
        letters[chance.randrange(len(letters))] = chance.choice('{}[]",:0-e\\\x00é ')
    return "".join(letters)


def truncated(good, chance):
    return good[:chance.randrange(len(good))]


def the_same_key_twice(good, chance):
    key = chance.choice(["name", "layers", "optimizer", "input_dim", "loss"])
    return good.replace(f'"{key}": ', f'"{key}": {json.dumps(chance.choice(VALUES))}, "{key}": ', 1)


def deep(good, chance):
    depth = chance.choice((100, 900, 3000, 10**5, 10**6))
    begin, end = chance.choice([("[", "]"), ('{"name": "Sequential", "layers": [', "]}"), ('{"a":', "}")])
    return begin * depth + end * depth


def many_layers(good, chance):
    layer = chance.choice(['{"name": "Activation", "activation": "tanh"}', '{"name": "Dropout", "p": 0.5}',
                           '{"name": "Dense", "input_dim": 2, "output_dim": 2}',
                           '{"name": "SimpleRNN", "input_dim": 2, "output_dim": 2, "return_sequences": true}'])
    text = '{"name": "Sequential", "layers": [' + ", ".join([layer] * chance.choice((100, 300, 3000))) + "]"
    if chance.random() < 0.3:
        text += ', "optimizer": {"name": "SGD"}, "loss": "mse", "class_mode": "categorical", "theano_mode": null'
    return text + "}"


def huge(good, chance):
    size = chance.choice((10**5, 10**6, 10**9, 2**31, 2**62, 10**30))
    other = chance.choice((1, 3, size))
    name = chance.choice(["Dense", "LSTM", "Embedding", "GRU", "JZS1", "SimpleDeepRNN", "RepeatVector"])
    return json.dumps({"name": "Sequential", "layers": [
        {"name": name, "input_dim": other, "output_dim": size, "n": size} if name != "RepeatVector" else
        {"name": name, "n": size}]})  # fmt: skip


def deep_in_numbers(good, chance):
    depth = chance.choice((100, 3000, 10**6, 10**9))
    return json.dumps({"name": "Sequential", "layers": [
        {"name": "SimpleDeepRNN", "input_dim": 1, "output_dim": 1, "depth": depth}]})  # fmt: skip


def long_numbers(good, chance):
    return good.replace(" 2,", " " + "9" * chance.choice((400, 5000, 10**6)) + ",", 1)


def no_json(good, chance):
    return chance.choice(["", " ", "null", "3", '"Sequential"', "[]", "{}", "nan", "NaN", "\ufeff" + good, good + good,
                          "'", "import os", "<xml/>", good.replace('"', "'"), "\x00", good.encode().hex()])  # fmt: skip


OF_TEXT = [other_letters, other_letters, truncated, the_same_key_twice, deep, many_layers, huge, huge, deep_in_numbers,
           long_numbers, no_json]  # fmt: skip
