"""Mends what is wrong or slow in Theano 1.0.5 itself, in memory, for this process.

`recurrent_layers.engine.prepare` applies it after the import of Theano. Each mend says what it is for, and Theano
works the same without it, only slower or, for scan on Python 3.11, not at all.
"""

import contextlib
import functools
import hashlib
import inspect
import sys
import textwrap

import numpy as np

from recurrent_layers.engine import layouts, turns

SCAN_EXTENSION = "theano.scan_module.scan_perform_ext"
# Seconds.
SHORT_WAIT = dict(min_wait=0.05, max_wait=0.15)

scan_has_second_derivatives = False


def apply():
    """Apply all mends; call once, after the import of Theano."""
    loop_in_python_where_c_does_not_compile()
    push_products_out_of_scan_rightly()
    global scan_has_second_derivatives
    scan_has_second_derivatives = differentiate_gradients_of_scan_rightly()
    find_ops_without_props_in_the_cache()
    find_ops_of_c_files_in_the_cache()
    draw_random_numbers_with_vectors()
    begin_streams_of_random_numbers_with_vectors()
    look_often_whether_others_have_compiled()
    let_others_compile_after_an_error()
    turns.one_compiles_at_a_time("theano.compile.function_module")
    layouts.take_any_layout("theano.tensor.type")


def look_often_whether_others_have_compiled():
    """Let a process that waits for another one to compile look ten times a second whether that has ended.

    It sleeps for 5 to 10 seconds each time, so that of processes that compile much, as in a search for cells, one works
    and the others sleep. Where the user's flags have another `compile.wait`, that is taken.
    """
    import theano
    from theano.gof import compilelock

    original = compilelock.lock

    @functools.wraps(original)
    def lock(tmp_dir, *arguments, **named):
        is_left_to_theano = not arguments and theano.config.compile.wait == 5
        return original(tmp_dir, *arguments, **{**(SHORT_WAIT if is_left_to_theano else {}), **named})

    compilelock.lock = lock


def let_others_compile_after_an_error():
    """Let Theano give its lock back also if what it compiles fails, or Ctrl-C comes.

    It keeps it until Python ends; other processes take it away from it after two minutes, and from each other then.
    """
    from theano.gof import compilelock

    @contextlib.contextmanager
    def lock_ctx(lock_dir=None, keep_lock=False, **named):
        compilelock.get_lock(lock_dir=lock_dir, **named)
        try:
            yield
        finally:
            if not keep_lock:
                compilelock.release_lock()

    compilelock.lock_ctx = lock_ctx


def loop_in_python_where_c_does_not_compile():
    """Let scan loop in Python on Python 3.11, where Theano's C code for it does not compile.

    Theano does so by itself where the module with that code cannot be imported.
    """
    if sys.version_info >= (3, 11):
        sys.modules.setdefault(SCAN_EXTENSION, None)


def push_products_out_of_scan_rightly():
    """Let the optimization `scanOp_pushout_output` see the steps and the scan that it is about.

    It sums products over time (the gradients of U) outside of scan, which is much faster. But it takes
    whole sequences and outputs where scan takes and makes only their first steps, which crashes the gradient with
    `truncate_gradient`; and it refers to outputs of the scan that it has just replaced, which runs both, or
    fails with "Trying to reintroduce a removed node" where recurrent layers are stacked.
    """
    import theano
    from theano.scan_module.scan_opt import PushOutScanOutput

    original = PushOutScanOutput.push_out_inner_vars

    @functools.wraps(original)
    def push_out_inner_vars(self, fgraph, inner_vars, old_scan_node, old_scan_args):
        outer_vars, scan_node, args = original(self, fgraph, inner_vars, old_scan_node, old_scan_args)
        n_steps = scan_node.inputs[0]
        for k, var in enumerate(inner_vars):
            if var in old_scan_args.inner_in_non_seqs or isinstance(var, theano.Constant):
                continue
            if var in old_scan_args.inner_out_nit_sot and var not in old_scan_args.inner_in_seqs:
                # New outputs are appended, so those before them keep their places.
                outer_vars[k] = args.outer_out_nit_sot[old_scan_args.inner_out_nit_sot.index(var)]
            outer_vars[k] = outer_vars[k][:n_steps]
        return outer_vars, scan_node, args

    PushOutScanOutput.push_out_inner_vars = push_out_inner_vars


# What is wrong in `Scan.L_op`, and what it should be.
WORDS = [
    ("    for dx, dC_dXtm1 in enumerate(dC_dXtm1s):\n",
     "    for dx, dC_dXtm1 in enumerate(dC_dXtm1s):\n        if dx in written_over(self):\n            continue\n"),
    ("    self_inputs = self.inputs\n",
     "    self_inputs = self.inputs\n    further = self.n_mit_mot_outs - self.n_mit_mot\n"),
    ("idx_nitsot_start = (self.info['n_mit_mot'] +", "idx_nitsot_start = (self.n_mit_mot_outs +"),
    ("(dC_douts[idx].type, DisconnectedType):\n                continue\n",
     "(dC_douts[idx - further].type, DisconnectedType):\n                continue\n"),
    ("safe_new(dC_douts[idx][0])", "safe_new(dC_douts[idx - further][0])"),
    ("(dC_douts[i].type, DisconnectedType):\n                continue\n",
     "(dC_douts[i - further].type, DisconnectedType):\n                continue\n"),
]


def differentiate_gradients_of_scan_rightly():
    """Let the gradient of scan's own gradient be right; it was wrong, or failed where states have several taps.

    Scan's gradient reads places where gradients add up, and writes them over. Its own gradient took what had been
    read there to be there still, and counted the outputs of a state with several taps as one. (PyTensor mended both:
    its pull requests 1207 and 1975.) It is a matter of a few words within one long method, and so these are replaced.

    Returns
    -------
    bool
        Whether they were found.
    """
    from theano.scan_module import scan_op

    text = textwrap.dedent(inspect.getsource(scan_op.Scan.L_op))
    for wrong, right in WORDS:
        if text.count(wrong) != 1:
            return False
        text = text.replace(wrong, right)

    def written_over(scan):
        """Which of the inner states are read where the same step writes."""
        found, first = set(), 0
        for read, written in zip(scan.mitmot_taps(), scan.mitmot_out_taps()):
            found.update(first + k for k, tap in enumerate(read) if tap in written)
            first += len(read)
        return found

    names = dict(vars(scan_op), written_over=written_over)
    exec(compile(text, scan_op.__file__, "exec"), names)
    scan_op.Scan.L_op = names["L_op"]
    return True


def find_ops_without_props_in_the_cache():
    """Compile Dot22, Alloc, softmax and others once, not once in every process.

    In the key of a module, Theano takes the ``__props__ = ()`` of an op without parameters for a missing
    version, and does not keep the module.
    """
    from theano.gof.cc import CLinker

    original = CLinker.cmodule_key_

    @functools.wraps(original)
    def cmodule_key_(self, fgraph, *arguments, **named):
        key = original(self, fgraph, *arguments, **named)
        if key is None or key[0]:
            return key
        versions = []
        for node in self.schedule(fgraph):
            if hasattr(node.op, "c_code_cache_version_apply"):
                versions.append(node.op.c_code_cache_version_apply(node))
            versions += [variable.type.c_code_cache_version() for variable in node.inputs + node.outputs]
        return (tuple(versions), key[1]) if all(versions) else key

    CLinker.cmodule_key_ = cmodule_key_


def find_ops_of_c_files_in_the_cache():
    """Compile ops whose C code is in a file of its own (DimShuffle) once, not once in every process.

    Their version is the code's hash, which Python salts differently in each process.
    """
    from theano.gof.op import COp

    def c_code_cache_version(self):
        digest = hashlib.sha256("\0".join(self.func_codes).encode()).digest()
        version = (int.from_bytes(digest[:8], "big"),)
        return version + (self.params_type.c_code_cache_version(),) if hasattr(self, "params_type") else version

    COp.c_code_cache_version = c_code_cache_version


# MRG31k3p (L'Ecuyer and Touzin 2000, "Fast combined multiple recursive generators with multipliers of the form
# a = ±2^q ± 2^r"): x_n = 2^22 x_(n-2) + (2^7 + 1) x_(n-3) mod m1, y_n = 2^15 y_(n-1) + (2^15 + 1) y_(n-3) mod m2. Of
# each stream, `state` has the last three x, then the last three y.
RANDOM_NUMBERS = """
#include <algorithm>

template <typename real>
static void draw_random_numbers(real* samples, npy_uint32* state, npy_int64 size, npy_int64 streams, real unit) {
    const npy_uint32 m1 = 2147483647u, m2 = 2147462579u;
    const npy_int64 AT_ONCE = 64;
    for (npy_int64 first = 0; first < std::min(streams, size); first += AT_ONCE) {
        const int block = std::min(AT_ONCE, streams - first);
        npy_uint32 numbers[6][AT_ONCE];
        for (int s = 0; s < block; ++s)
            for (int k = 0; k < 6; ++k) numbers[k][s] = state[(first + s) * 6 + k];
        npy_uint32 *x1 = numbers[0], *x2 = numbers[1], *x3 = numbers[2];
        npy_uint32 *y1 = numbers[3], *y2 = numbers[4], *y3 = numbers[5];
        for (npy_int64 begin = first; begin < size; begin += streams) {
            const int drawn = std::min<npy_int64>(block, size - begin);
            // The new numbers take the place of the oldest, in streams from which one is drawn; the others stay.
            for (int s = 0; s < drawn; ++s) {
                // A number that is too large by one modulus at most becomes the smaller of two: less than 0 is large.
                npy_uint32 x = ((x2[s] & 511u) << 22) + (x2[s] >> 9) + ((x3[s] & 16777215u) << 7) + (x3[s] >> 24);
                x = std::min(x, x - m1) + x3[s];
                x = std::min(x, x - m1);
                npy_uint32 y = ((y1[s] & 65535u) << 15) + 21069u * (y1[s] >> 16);
                npy_uint32 z = ((y3[s] & 65535u) << 15) + 21069u * (y3[s] >> 16);
                y = std::min(y, y - m2);
                z = std::min(z, z - m2) + y3[s];
                z = std::min(z, z - m2) + y;
                z = std::min(z, z - m2);
                x3[s] = x2[s], x2[s] = x1[s], x1[s] = x;
                y3[s] = y2[s], y2[s] = y1[s], y1[s] = z;
                samples[begin + s] = npy_int32(x - z + (x <= z ? m1 : 0u)) * unit;
            }
        }
        for (int s = 0; s < block; ++s)
            for (int k = 0; k < 6; ++k) state[(first + s) * 6 + k] = numbers[k][s];
    }
}
"""


def draw_random_numbers_with_vectors():
    """Let the random numbers of Dropout be drawn from many streams at once: the same numbers, several times faster."""
    from theano.sandbox.rng_mrg import mrg_uniform

    functions = "".join(f"""
static void cpu_rng_mrg_uniform_npy_{dtype}(PyArrayObject* samples, PyArrayObject* state, npy_int64 size,
                                            int streams) {{
    draw_random_numbers<npy_{dtype}>(static_cast<npy_{dtype}*>(PyArray_DATA(samples)),
                                     static_cast<npy_uint32*>(PyArray_DATA(state)), size, streams, {unit});
}}
""" for dtype, unit in (("float32", "4.6566126e-10f"), ("float64", "4.656612873077392578125e-10")))
    code = RANDOM_NUMBERS + functions
    version = int.from_bytes(hashlib.sha256(code.encode()).digest()[:8], "big")
    mrg_uniform.c_support_code = lambda self: code
    mrg_uniform.c_code_cache_version = lambda self: (version,)


def begin_streams_of_random_numbers_with_vectors():
    """Let the 15360 streams from which Dropout draws be begun at once: the same numbers, and no function to compile.

    A stream begins where the one before it would be after 2^72 numbers. Theano calls a compiled function for each.
    """
    from theano.sandbox import rng_mrg

    def times(A, states, m):
        """A times each of some states of 3 numbers, modulo m; what is multiplied has 31 bits."""
        return (A * states[:, None, :] % m).sum(axis=2) % m

    def multMatVect(v, A, m1, B, m2):
        return np.concatenate([times(A, v[None, :3], m1)[0], times(B, v[None, 3:], m2)[0]]).astype("int32")

    def get_substream_rstates(self, n_streams, dtype, inc_rstate=True):
        states, known = np.empty((n_streams, 6), "int32"), 1
        states[0] = self.rstate
        halves = [(slice(0, 3), rng_mrg.A1p72, int(rng_mrg.M1)), (slice(3, 6), rng_mrg.A2p72, int(rng_mrg.M2))]
        while known < n_streams:  # As many again, each as far on.
            to = min(2 * known, n_streams)
            for half, A, m in halves:
                states[known:to, half] = times(A, states[:to - known, half], m)
            halves = [(half, times(A, A.T, m).T, m) for half, A, m in halves]
            known = to
        if inc_rstate:
            self.inc_rstate()
        return states

    rng_mrg.multMatVect = multMatVect
    rng_mrg.MRG_RandomStreams.get_substream_rstates = get_substream_rstates
