"""Mends what is wrong or slow in PyTensor 3.3 itself, in memory, for this process.

`recurrent_layers.engine.prepare` applies it after the import of PyTensor. Each mend says what it is for, and PyTensor
works the same without it, only slower, or not with `truncate_gradient`.
"""

import functools

from recurrent_layers.engine import layouts, turns

SCAN_EXTENSION = "pytensor.scan.scan_perform_ext"


def apply():
    """Apply all mends; call once, after the import of PyTensor."""
    push_products_out_of_scan_rightly()
    turns.one_compiles_at_a_time("pytensor.compile.maker")
    layouts.take_any_layout("pytensor.tensor.type")


def push_products_out_of_scan_rightly():
    """Let the rewrite that sums products over time outside of scan see the steps that it is about.

    It takes whole sequences where scan takes only their first steps, which crashes the gradient with
    `truncate_gradient`.
    """
    import pytensor
    from pytensor.scan.rewriting import push_out

    original = push_out.push_out_inner_vars

    @functools.wraps(original)
    def push_out_inner_vars(fgraph, inner_vars, old_scan_node, old_scan_args):
        outer_vars, args, replacements = original(fgraph, inner_vars, old_scan_node, old_scan_args)
        n_steps = old_scan_node.inputs[0]
        for k, var in enumerate(inner_vars):
            if var not in old_scan_args.inner_in_non_seqs and not isinstance(var, pytensor.graph.basic.Constant):
                outer_vars[k] = outer_vars[k][:n_steps]
        return outer_vars, args, replacements

    push_out.push_out_inner_vars = push_out_inner_vars
