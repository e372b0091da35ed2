"""Calls with wrong arguments, of all that is public."""

import collections
import contextlib
import inspect
import io
import os
import shutil
import signal
import warnings
from typing import NamedTuple

import numpy as np
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

import recurrent_layers as rl
from recurrent_layers.exchange import conversion
from recurrent_layers.models import slice_X
from recurrent_layers.preprocessing import sequence
from recurrent_layers.utils import np_utils
from trials.children import described, in_children, where

CLEAR = (ValueError, TypeError, OSError, NotImplementedError)
SECONDS, MEMORY = 20.0, 1500  # For a call; MB of addresses.
CALLS = 40  # Of a child.

MODULES = [rl.activations, rl.callbacks, rl.constraints, rl.initializations, rl.objectives, rl.optimizers,
           rl.regularizers, conversion, sequence, np_utils]  # fmt: skip

# ---- Valid calls ------------------------------------------------------------------------------------------


def model():
    """A small model that computes without a compiler."""
    made = rl.Sequential([rl.SimpleRNN(2, 3), rl.Dense(3, 1)])
    made.compile("adam", "mse", theano_mode="FAST_COMPILE")
    return made


NAMESPACE = {"np": np, "nan": np.nan, "inf": np.inf, "rl": rl, "model": model, "slice_X": slice_X,
             "conversion": conversion, "sequence": sequence, "np_utils": np_utils}  # fmt: skip

# By the name of an argument; what has a default has that one, but for these.
VALID = {
    "input_dim": "2", "output_dim": "3", "p": "0.5", "n": "3", "activation": "'tanh'", "X": "np.zeros((4, 5, 2))",
    "y": "np.zeros((4, 1))", "optimizer": "'adam'", "loss": "'mse'", "weights": "it.get_weights()",
    "filepath": "'weights.h5'", "layer": "rl.Dense(1, 2)", "config": "it.get_config()", "shape": "(2, 2)",
    "name": "'W'", "init": "'zero'", "input_shape": "(2,)", "dims": "(2, 1)", "sigma": "0.5",
    "schedule": "lambda epoch: 0.1", "value": "0.5", "logs": "{}", "path": "'table.csv'",
    "value_list": "it.get_state()", "callback": "rl.callbacks.History()", "identifier": "None",
    "sequences": "[[1], [1, 2]]", "json_string": "model().to_json()",
    "state_dict": "{'weight_ih_l0': np.zeros((12, 2)), 'weight_hh_l0': np.zeros((12, 3))}", "function": "abs",
}  # fmt: skip
CHANGED = {"nb_epoch": "1", "verbose": "0", "overwrite": "True"}
OF_ONE = {
    "rl.activations.get": {"identifier": "'tanh'"}, "rl.initializations.get": {"identifier": "'one'"},
    "rl.objectives.get": {"identifier": "'mse'"}, "rl.optimizers.get": {"identifier": "'sgd'"},
    "conversion.from_keras3": {"config": "{'class_name': 'SimpleRNN', 'config': {'activation': 'tanh'}}",
                               "weights": "[np.zeros((2, 3)), np.zeros((3, 3)), np.zeros(3)]"},
    "conversion.to_keras3": {"layer": "rl.SimpleRNN(2, 3)"},
    "conversion.to_torch": {"layer": "rl.SimpleRNN(2, 3, activation='tanh')"},
    "np_utils.to_categorical": {"y": "[0, 1]"}, "rl.model_from_config": {"config": "model().get_config()"},
    "rl.Embedding": {"input_dim": "4"}, "rl.initializations.shared": {"value": "[1.0]"},
    "rl.Sequential.set_previous": {"layer": "rl.GRU(1, 2, return_sequences=True)"},
    "rl.Dense.check_data": {"X": "np.zeros((4, 2))"}, "rl.Dense.add_weight": {"init": "rl.initializations.zero"},
    "rl.Embedding.check_data": {"X": "np.zeros((4, 5), int)"},
    "rl.PReLU.check_data": {"X": "np.zeros((4, 2))"}, "rl.WordContextProduct.check_data": {"X": "np.ones((4, 2), int)"},
}  # fmt: skip
# Expressions of the engine, which itself says what it does not take.
SYMBOLIC = {"x", "y_true", "y_pred", "params", "constraints", "target"}
HISTORY = "model().fit(np.zeros((4, 5, 2)), np.zeros((4, 1)), nb_epoch=1, verbose=0)"
SUBJECTS = {"rl.Sequential": "model()", "rl.callbacks.History": HISTORY}


class Target(NamedTuple):
    """Something public that can be called: `call` of `it`, which is made by `subject`, with `valid` arguments."""

    name: str
    subject: str
    call: str
    valid: dict


def public():
    """All that is public and can be called: the functions, the classes, and their methods."""
    # Dense first, for the methods that all layers have.
    found = [("rl", name, getattr(rl, name)) for name in sorted(rl.__all__, key=lambda name: (name != "Dense", name))]
    found += [("slice_X", "", slice_X)]
    for module in MODULES:
        place = ("rl." if module.__name__.count(".") == 1 else "") + module.__name__.rpartition(".")[2]
        found += [(place, name, item) for name, item in vars(module).items()
                  if not name.startswith("_") and getattr(item, "__module__", "") == module.__name__]  # fmt: skip
    seen = set()
    for place, name, item in found:
        path = f"{place}.{name}".rstrip(".")
        if callable(item) and item.__qualname__ + item.__module__ not in seen:
            seen.add(item.__qualname__ + item.__module__)
            yield path, "", path, item
    for place, name, item in found:
        for method, routine in inspect.getmembers(item, inspect.isroutine) if inspect.isclass(item) else ():
            key = getattr(routine, "__qualname__", "") + str(getattr(routine, "__module__", ""))
            # A model has methods that layers have, too, but does more in them.
            is_new = key not in seen or item is rl.Sequential
            # What computes an attribute looks like a routine to `inspect`.
            if callable(routine) and not method.startswith(("_", "on_")) and "recurrent_layers" in key and is_new:
                seen.add(key)
                yield f"{place}.{name}.{method}", f"{place}.{name}", f"it.{method}", getattr(item, method)


def targets():
    """Those with a valid call, and the names of the others."""
    found, without = [], []
    arguments = {path: _valid(path, item) for path, _, _, item in public()}
    for path, owner, call, _ in public():
        valid = arguments[path]
        subject = SUBJECTS.get(owner) or (f"{owner}({_written(arguments.get(owner) or {})})" if owner else "None")
        target = Target(path, subject, call, valid or {})
        if valid is not None and set(valid) <= SYMBOLIC:
            continue
        if valid is None or outcome(target, {})[0] != "accepted":
            without.append(path)
        else:
            found.append(target)
    return found, without


def _valid(path, item):
    """The arguments of a valid call; those that have a default and are not named have it. None if one is not known."""
    known = {**VALID, **OF_ONE.get(path, {})}
    valid = {}
    for name, parameter in inspect.signature(item).parameters.items():
        if name in ("self", "cls"):
            continue
        if parameter.kind is parameter.VAR_KEYWORD:
            valid.update({"clipnorm": None, "clipvalue": None} if name == "clipping" else {})
        elif parameter.default is not parameter.empty:
            valid[name] = CHANGED.get(name)
        elif name in known:
            valid[name] = known[name]
        elif name in SYMBOLIC:
            valid[name] = "rl.engine.tensor.matrix()"
        elif parameter.kind is not parameter.VAR_POSITIONAL:
            return None
    return valid


def _written(arguments):
    return ", ".join(f"{name}={text}" for name, text in arguments.items() if text is not None)


# ---- Wrong arguments --------------------------------------------------------------------------------------

HOSTILE = """
None|True|False|0|1|-1|2**31|2**63|-2**63|10**30|0.5|-0.5|nan|inf|-inf|1e400|1j|''|'a'|'tanh'|'\\x00'|'é' * 300
b''|b'a'|[]|[[]]|[[[]]]|[None]|[1]|[[1, 2], [3]]|['a']|[nan]|()|(1,)|{}|{'name': 'a'}|{'name': None}|{1: 2}|{'a': []}
set()|range(3)|slice(None)|iter([1, 2])|object()|object|int|type|lambda: 0|lambda *a, **b: None|lambda x: x|print|np
Ellipsis|np.float32(2)|np.int8(-1)|np.bool_(True)|np.array(None)|np.array(1)|np.zeros(0)|np.zeros((0, 5, 2))|np.int64
np.zeros((4, 0, 2))|np.zeros(3)|np.ones((2, 3))|np.full((4, 5, 2), nan)|np.full((4, 5, 2), 1e300)|np.zeros((4, 5, 3))
np.zeros((4, 5, 2, 1))|np.zeros((4, 5, 2), complex)|np.zeros((4, 5, 2), 'S1')|np.zeros((4, 5, 2), object)
np.zeros((4, 5, 2), 'M8[s]')|np.zeros((4, 1), bool)|np.ma.masked_equal(np.zeros((4, 5, 2)), 0)|np.full((4, 1), -1)
np.full((4, 1), 2**62)|np.zeros(4, [('a', int)])|np.matrix([[1, 2]])|bytearray(b'abc')|memoryview(b'abc')|frozenset([1])
NotImplemented|Exception('a')|rl.Dense|rl.Dense(2, 2)|rl.Sequential()|model()|rl.optimizers.Adam|rl.callbacks.Callback
rl.callbacks.Callback()|[object()]|[rl.Dense(2, 2)] * 2|rl.engine.tensor.matrix()|rl.engine.shared(np.zeros(2))
'absent/weights.h5'|'.'|'weights.h5'|[np.zeros((2, 3))] * 3|{'class_name': 'GRU', 'config': None}
[np.zeros((2, 3)), np.full((3, 3), nan), np.zeros(3), np.zeros((3, 1)), np.zeros(1)]
""".strip().replace("\n", "|").split("|")
# More of these is more work, which is what was asked for.
WORK = {"nb_epoch", "depth"}
LARGE = {"2**31", "2**63", "10**30"}

letters = st.text("ab", max_size=2)
values = st.one_of(
    st.sampled_from(HOSTILE), st.sampled_from(HOSTILE), st.floats().map(repr),
    st.text(st.characters(blacklist_characters="/", blacklist_categories=["Cs"]), max_size=5).map(repr),
    st.recursive(st.none() | st.booleans() | st.integers(-3, 3) | st.floats() | letters,
                 lambda inner: st.lists(inner, max_size=3) | st.dictionaries(letters, inner, max_size=3),
                 max_leaves=6).map(repr),
)  # fmt: skip


@st.composite
def wrong_calls(draw, among):
    """Something public, and one or two of its arguments, as text."""
    target = draw(st.sampled_from(among))
    replaceable = sorted(set(target.valid) - SYMBOLIC)
    names = draw(st.lists(st.sampled_from(replaceable), min_size=1, max_size=min(2, len(replaceable)), unique=True))
    replaced = {name: draw(values) for name in names}
    return target, {name: "2" if name in WORK and text in LARGE else text for name, text in replaced.items()}


def written(target, replaced):
    """A call, as a line to be tried again."""
    it = f"it = {target.subject}; " if target.subject != "None" else ""
    return f"{it}{target.call}({_written({**target.valid, **replaced})})"


def outcome(target, replaced, subjects=None):
    """Make a call: a kind, what is wrong if something is, and a message.

    `subjects` are what to call methods of, by the expressions that made them; another one is made where there is none.
    """
    subjects = {} if subjects is None else subjects
    try:
        it = subjects.get(target.subject)
        it = subjects[target.subject] = eval(target.subject, NAMESPACE) if it is None else it
        names = dict(NAMESPACE, it=it)
        arguments = {name: eval(text, names) for name, text in {**target.valid, **replaced}.items() if text is not None}
        call = eval(target.call, names)
    except Exception as error:
        return "not made", "", str(error)
    before = numbers_of(it), structure_of(it)
    try:
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            call(**arguments)
    except MemoryError:
        kind = ("beyond memory", "", "")
    except CLEAR as error:
        is_ours = where(error).startswith("recurrent_layers")
        kind = ("clear", "", str(error)) if is_ours else ("foreign", *described(error))
    except BaseException as error:
        kind = ("foreign", *described(error))
    else:
        kind = ("accepted", "", "")
    after = numbers_of(it), structure_of(it)
    if before[1] != after[1] or (before != after and kind[0] != "accepted"):
        del subjects[target.subject]  # The next call shall have nothing to do with this one.
    if before != after and kind[0] != "accepted":
        return "half-changed", "by a call that fails", kind[2]
    return kind


def numbers_of(it):
    """The weights of something, and what an optimizer remembers of it."""
    found = []
    for one in (it, getattr(it, "optimizer", None)):
        for name in ("get_weights", "get_state"):
            with contextlib.suppress(Exception):
                found.append([array.tobytes() for array in getattr(one, name)()])
    return found


def structure_of(it):
    """What something is made of, but for numbers."""
    if isinstance(it, rl.Sequential):
        first = it.layers[0] if it.layers else None
        found = [list(map(id, it.layers)), it.stop_training, id(getattr(it, "optimizer", None)),
                 hasattr(first, "previous")]
    else:
        found = [repr(sorted(getattr(it, "__dict__", {}).items(), key=str))]
    with contextlib.suppress(Exception):
        found.append(repr(it.get_config()))
    return found


def trial(run):
    """Wrong arguments for all that is public: a clear error of the library or a result, and nothing is half-changed."""
    warnings.simplefilter("ignore")
    folder = run.folder / "calls"
    folder.mkdir()
    os.chdir(folder)
    model().save_weights("good.h5")
    shutil.copy("good.h5", "weights.h5")
    among, without = targets()
    counts = collections.Counter()
    # Compiled once, for all children.
    subjects = {"model()": model(), HISTORY: eval(HISTORY, NAMESPACE)}
    X, y = np.zeros((4, 5, 2)), np.zeros((4, 1))
    subjects["model()"].fit(X, y, nb_epoch=1, verbose=0, validation_data=(X, y))
    subjects["model()"].predict(X)

    def work(number):
        found = []
        # A method that changes what it is called of is for that one only.
        mine = dict(subjects)

        @seed(1000 * run.seed + number)
        @settings(max_examples=CALLS, database=None, deadline=None, phases=[Phase.generate],
                  suppress_health_check=list(HealthCheck))
        @given(wrong_calls(among))
        def try_one(case):
            target, replaced = case
            line = written(target, replaced)
            run.notes(line)
            signal.setitimer(signal.ITIMER_REAL, SECONDS)
            if not os.path.exists("weights.h5"):
                shutil.copy("good.h5", "weights.h5")
            kind, what, message = outcome(target, replaced, mine)
            found.append((kind, what and f"{target.name}, {what}", message, line))

        try_one()
        return found

    run.begins()
    for case in in_children(work, run.goes_on, SECONDS, MEMORY, each=5):
        if case.problem:
            counts["ended"] += 1
            run.fails(f"{case.problem}: {run.noted().partition('(')[0]}", f"{run.noted()}  # {case.where}")
        for kind, what, message, line in case.value or ():
            run.tries()
            counts[kind] += 1
            if what:
                run.fails(f"{kind}: {what}", f"{line}  # {message}")
    run.figures.update(counts, public=len(among), without_a_valid_call=", ".join(without))
    return (f"{run.tried} wrong calls of {len(among)} public functions, classes and methods: {counts['clear']} clear "
            f"errors, {counts['accepted']} accepted, {counts['beyond memory']} beyond memory; "
            f"{counts['foreign']} foreign errors, {counts['half-changed']} objects half-changed")
