"""The models of `exports.py` as C: compiled, called and weighed. Needs only NumPy and a compiler."""

import collections
import ctypes
import pathlib
import re
import shutil
import subprocess
import time

import numpy as np
from cases import GRU_AFTER, LSTM_DENSE, Case, data
from programs import timed

STEPS = 100
CASES = {f"{layer} {n} -> {m}": Case(layer, 1, STEPS, n, m, "step", "torch")
         for layer, n, m in (("LSTM", 128, 128), (GRU_AFTER, 128, 128), ("JZS1", 128, 128),
                             (LSTM_DENSE, 8, 32))}  # fmt: skip
OURS, KERAS2C = "to_c", ("keras2c", "keras2c, malloc")
LIBRARY = "activations core_layers helper_functions recurrent_layers"  # What of keras2c's own these models need.
TOGETHER = 50  # Steps that are timed at once, because one is short.

# Loops that call a model from C, which is then another file's: the same four functions for each.
OF_OURS = """\
#include "net.h"
long state_size(void) { return sizeof(net_state); }
long scratch_size(long timesteps) { return sizeof(float) * NET_SCRATCH(timesteps); }
void begin(net_state *state) { net_reset(state); }
void steps(net_state *state, const float x[], float y[], long n) { while (n-- > 0) net_step(state, x, y); }
"""
OF_KERAS2C = """\
#include "net.h"
static float {arrays};
void begin(void *state) {{ {initialize}net_reset_states(); }}
void steps(void *state, float x[], float y[], long n) {{
    k2c_tensor in = {{x, 2, {inputs}, {{1, {inputs}, 1, 1, 1}}}}, out = {{y, 1, {outputs}, {{{outputs}, 1, 1, 1, 1}}}};
    while (n-- > 0) net(&in, &out{handed});
}}
"""


def files_of(directory, case, who):
    """The directory of the files that one makes of a case; it is there then."""
    files = pathlib.Path(directory) / re.sub(r"\W+", "-", f"{who} {case.layer} {case.output_dim}")
    files.mkdir(parents=True, exist_ok=True)
    return files


def run(*command, **options):
    """Run a compiler or the like; gives what it prints."""
    done = subprocess.run([str(part) for part in command], text=True, capture_output=True, **options)
    if done.returncode:
        raise RuntimeError(f"{command[0]} failed: {done.stderr.strip()[-500:]}")
    return done.stdout


class Compiled:
    """What one has made of a case, in this process, with the orders of a worker: "prepare" and "run".

    Parameters
    ----------
    directory : str or pathlib.Path
    case : Case
    who : str
    flags : str
        For the compiler, besides `-std=c99`.
    """

    def __init__(self, directory, case, who=OURS, flags="-O3 -march=native"):
        files, inputs = files_of(directory, case, who), case.input_dim
        self.outputs = 1 if case.layer == LSTM_DENSE else case.output_dim
        (files / "loop.c").write_text(OF_OURS if who == OURS else of_keras2c(files, inputs, self.outputs))
        target = files / f"net{flags.replace(' ', '')}.so"
        run("gcc", "-std=c99", *flags.split(), "-w", "-shared", "-fPIC", "-o", target.name, "loop.c", *sources(who),
            "-lm", cwd=files)  # fmt: skip
        self.library = ctypes.CDLL(str(target))
        self.x = data(case)[0][0]
        ours = who == OURS
        self.y = np.zeros(self.outputs, "float32")
        self.state = np.zeros(self.library.state_size() if ours else 1, "uint8")
        self.scratch = np.zeros(self.library.scratch_size(ctypes.c_long(STEPS)) if ours else 1, "uint8")
        self.arguments = [array.ctypes.data_as(ctypes.c_void_p) for array in (self.state, self.x, self.y, self.scratch)]

    def ask(self, do, case, repeats=1):
        """As a worker's; `case.kind` is "step", in a loop in C, "ctypes" or "predict"."""
        return getattr(self, do)(case.kind, repeats)

    def prepare(self, kind, _):
        self.library.begin(self.arguments[0])
        for _ in range(1 if kind == "predict" else 4):
            self.call(kind)
        found = self.y.tolist()
        self.run(kind, 2)
        return found

    def run(self, kind, repeats):
        if kind != "step":
            return timed(lambda: self.call(kind), repeats)
        seconds, left = [], repeats
        while left > 0:
            number = min(left, TOGETHER)
            began = time.perf_counter()
            self.call(kind, number)
            seconds.append((time.perf_counter() - began) / number)
            left -= number
        return seconds

    def call(self, kind, number=1):
        state, x, y, scratch = self.arguments
        if kind == "step":
            self.library.steps(state, x, y, ctypes.c_long(number))
        elif kind == "ctypes":
            self.library.net_step(state, x, y)
        else:
            self.library.net_predict(ctypes.c_long(STEPS), x, y, scratch)


def sources(who):
    """The files that are compiled."""
    return ["net.c", *(f"include/k2c_{name}.c" for name in LIBRARY.split() if who != OURS)]


def of_keras2c(files, inputs, outputs):
    """The loop that calls a model of keras2c, which is handed its arrays where they are on the heap."""
    head, = re.findall(r"void net\((.*?)\);", (files / "net.h").read_text(), re.DOTALL)
    arrays = re.findall(r"float\* (\w+)", head)
    handed = ", ".join(f"&{name}" for name in arrays)
    return OF_KERAS2C.format(arrays=", ".join(f"*{name}" for name in arrays) or "nothing", inputs=inputs,
                             outputs=outputs, handed="".join(f", {name}" for name in arrays),
                             initialize=f"net_initialize({handed}); " if arrays else "")  # fmt: skip


# ---- Sizes --------------------------------------------------------------------------------------------------


def sizes_of(files, who, entries=()):
    """Bytes of code, of constants and of stack for a step, as a dict, and of the state where that is known.

    `entries` are the functions that are called: then only what they need counts. The stack is that of the file's own
    functions, without what libm takes.
    """
    names = "net_step",
    if who != OURS:
        names = "net", "k2c_lstm", "k2c_lstmcell"
    out = ["-o", "all.o", "-r", "-nostdlib", *(f"-Wl,-u,{entry}" for entry in entries)]
    out += ["-Wl,--gc-sections"] * bool(entries)
    run("gcc", "-std=c99", "-Os", "-w", "-ffunction-sections", "-fdata-sections", "-fstack-usage", *out,
        *sources(who), cwd=files)  # fmt: skip
    stacks = {}
    for file in files.glob("*.su"):
        for line in file.read_text().splitlines():
            place, stack, _ = line.split("\t")
            stacks[re.split(r"[:.]", place.partition(":")[2].split(":")[-1])[0]] = int(stack)
    leaves = [stack for name, stack in stacks.items() if not name.startswith(("net", "k2c_lstm"))]
    return dict(sections(files / "all.o"), stack=sum(stacks[name] for name in names) + max(leaves, default=0))


def sections(file):
    """Bytes of code and of constants in an object file."""
    found = collections.Counter()
    for line in run("size", "-A", file).splitlines():
        name, size = (line.split() + ["", ""])[:2]
        kind = {"text": "code", "rodata": "constants", "data": "constants", "bss": "state"}.get(
            name.lstrip(".").split(".")[0])  # fmt: skip
        if kind and name.startswith("."):
            found[kind] += int(size)
    return dict(found)


def sizes_for(files, python, target):
    """The same of our file for another processor, by the Python that has the wheel `ziglang`."""
    run(python, "-m", "ziglang", "cc", "-std=c99", "-Os", "-w", "-c", "-target", *target.split(), "-o", "other.o",
        "net.c", cwd=files)  # fmt: skip
    return sections(files / "other.o")


def with_library(directory, library):
    """Put keras2c's own files, which no package has, beside what it has made."""
    for who in KERAS2C:
        for case in CASES.values():
            shutil.copytree(library, files_of(directory, case, who) / "include", dirs_exist_ok=True)
