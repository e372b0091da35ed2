"""What `compare.py` found, as tables in Markdown and as a picture."""

from cases import COMPARISONS, ENGINES, JZS, KERAS, KERAS_LAYERS, OUR_GRU, RUNTIMES, TORCH, TORCHRECURRENT
from targets import model_ratio, model_times, verdicts
from whole_models import KERAS3_JAX, KERAS3_TORCH, KINDS, MODELS, ONNX, OURS, PYTORCH, THREADS

BUSY = 0.15  # From this share of the processors in use by others, times mean little.
SHOWN = 1.0  # percent of the time from which on an op is shown
# Results in which nothing has been measured yet.
EMPTY = {"machine": {}, "rounds": None, "sgemm": None, "pairs": [], "memory": [], "first_step": {}, "growth": [],
         "engines": [], "other_engine": {}, "checks": [], "models": [], "busy": [], "recovery": [],
         "profile": [], "lengths": [], "masks": [], "failures": []}  # fmt: skip
# The comments in the README between which the small table stands.
BEGIN, END = "<!-- results -->", "<!-- end of results -->"
PEERS = {PYTORCH: THREADS, ONNX: THREADS, KERAS3_TORCH: (2,), KERAS3_JAX: (2,)}


def table(header, rows):
    """A table in Markdown; all columns but those of words are set to the right."""
    words = {"layer", "size", "mathematics", "target", "worst at", "verdict", "what", "of", "model", "op"}
    line = ["---" if name in words else "---:" for name in header]
    return "\n".join("| " + " | ".join(map(str, row)) + " |" for row in [header, line, *rows])


def milliseconds(seconds):
    """A time with three digits."""
    value = 1000 * seconds
    return f"{value:.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def as_text(results):
    """Everything as Markdown.

    Parameters
    ----------
    results : dict
        As `compare.py` writes it to compare.json.

    Returns
    -------
    str
    """
    parts = [machine_line(results), "Times in milliseconds, medians; ratio is our time over the peer's."]
    for section in (models_section, busy_section, profile_section, pairs_section, padding_section, engines_section,
                    memory_section, first_step_section, growth_section):  # fmt: skip
        parts += section(results)
    parts += ["### Targets", table(["target", "limit", "worst", "worst at", "measured", "verdict"], verdicts(results))]
    if results["failures"]:
        parts += ["### Failures", "\n".join("- " + failure.strip().replace("\n", "\n  ")
                                            for failure in results["failures"])]
    return "\n\n".join(parts) + "\n"


def machine_line(results):
    """The machine, the versions, and the environment where it matters."""
    machine = results["machine"]
    versions = ", ".join(f"{name} {version}" for name, version in machine["versions"].items())
    text = f"{machine['processor']}; {versions}; {machine['date']}; {results['rounds']} turns of each"
    if results["sgemm"]:
        text += f"; sgemm {results['sgemm'] / 1e9:.0f} GFLOP/s"
    settings = [f"{name}={value}" for name, value in machine["environment"].items()]
    return text + ("; with " + ", ".join(settings) if settings else "") + "."


def pair_rows(pairs, sgemm):
    """A row for each layer, size and mathematics, the forward pass and the training step in it."""
    found = {}
    for pair in pairs:
        found.setdefault((pair["layer"], pair["size"], pair["math"]), {})[pair["kind"]] = pair
    rows = []
    for key, kinds in found.items():
        row, shares = list(key), []
        for kind in ("forward", "train"):
            if kind not in kinds:
                row += ["", "", ""]
                continue
            pair = kinds[kind]
            row += [*(milliseconds(pair[who]["median"]) for who in ("ours", "theirs")), f"{pair['ratio']:.2f}"]
            shares.append(f"{100 * pair['flops'] / pair['ours']['median'] / sgemm:.0f} %" if sgemm else "?")
        rows.append(row + [" / ".join(shares)])
    return rows


def memory_rows(memory):
    """A row for each layer and number of timesteps, ours and torch's in it."""
    rows = {}
    for entry in memory:
        rows.setdefault((entry["layer"], entry["steps"]), {})[entry["who"]] = entry["bytes"]
    return [(*key, f"{row['ours'] / 1e6:.1f}", f"{row['torch'] / 1e6:.1f}", f"{row['ours'] / row['torch']:.2f}")
            for key, row in rows.items() if row.get("ours") and row.get("torch")]


# ---- Sections: each gives its parts, none where nothing was measured --------------------------------------


def pairs_section(results):
    parts = []
    if results["pairs"]:
        parts.append("Layers alone. By their mathematics \"torch\" ours have sigmoid at the gates, as torch's; by "
                     "\"defaults\" hard_sigmoid. The GRU of torch resets after the product with U, which is another "
                     "cell. Keras 0.3.3 loops by Theano's scan in Python; as installed it has no BLAS but NumPy's.")
    for peer in (*COMPARISONS, *RUNTIMES):
        rows = pair_rows([pair for pair in results["pairs"] if pair["peer"] == peer], results["sgemm"])
        if rows:
            theirs = "GRU" if peer == OUR_GRU else peer if peer in RUNTIMES else peer.split(" ")[0]
            header = ["layer", "size", "mathematics", "forward: ours", theirs, "ratio", "train: ours", theirs, "ratio",
                      "of sgemm, forward / train"]  # fmt: skip
            parts += [f"### Over {peer}", table(header, rows)]
    return parts + disturbed_pairs(results["pairs"])


def disturbed_pairs(pairs):
    """As :func:`not_to_be_trusted`, of layers alone."""
    return not_to_be_trusted(f"{pair['layer']} {pair['size']}, {pair['math']}, {pair['kind']}, over {pair['peer']}"
                             for pair in pairs if pair["busy"] > BUSY)


def not_to_be_trusted(names):
    """A sentence with what others disturbed, in a list; no sentence where there is nothing."""
    names = "; ".join(names)
    return [f"Not to be trusted, because other programs kept the processors busy: {names}."] if names else []


def engines_section(results):
    if not results["engines"]:
        return []
    here, there = ({name: versions[name] for name in ("Python", *ENGINES, "NumPy") if name in versions}
                   for versions in (results["machine"]["versions"], results["other_engine"]["versions"]))  # fmt: skip
    named = [next(f"{name} {versions[name]}" for name in ENGINES if name in versions) for versions in (here, there)]
    rows = {}
    for row in results["engines"]:
        cells = [*(milliseconds(row[place]["median"]) for place in ("here", "there")), f"{row['ratio']:.2f}"]
        rows.setdefault((row["layer"], row["size"]), {})[row["kind"]] = cells
    rows = [[*key, *kinds.get("forward", [""] * 3), *kinds.get("train", [""] * 3)] for key, kinds in rows.items()]
    text, other = " and ".join(", ".join(map(" ".join, one.items())) for one in (here, there)), results["other_engine"]
    return [f"### {named[1]} over {named[0]}",
            f"{text}. The first training step on {named[1]} takes {other['empty']:.1f} s when nothing is compiled, and "
            f"{other['warm']:.1f} s later.",
            table(["layer", "size", f"forward: {named[0]}", named[1], "ratio", f"train: {named[0]}", named[1], "ratio"],
                  rows)] + not_to_be_trusted(f"{row['layer']} {row['size']}, {row['kind']}"
                                             for row in results["engines"] if row["busy"] > BUSY)  # fmt: skip


def memory_section(results):
    if not results["memory"]:
        return []
    header = ["layer", "timesteps", "ours, MB", "torch, MB", "ratio"]
    return ["### Memory of a training step", table(header, memory_rows(results["memory"]))]


def first_step_section(results):
    if not results["first_step"]:
        return []
    rows = [(f"{name} cache", f"{seconds:.1f}") for name, seconds in results["first_step"].items()]
    return ["### First training step of an LSTM model, imports included", table(["of", "seconds"], rows)]


def growth_section(results):
    if not results["growth"]:
        return []
    rows = [(row["layer"], row["what"], row["value"], milliseconds(row["ours"]), milliseconds(row["theirs"]),
             f"{row['ours'] / row['theirs']:.2f}") for row in results["growth"]]
    return ["### Growth of a training step", table(["layer", "what", "value", "ours", "torch", "ratio"], rows)]


def models_section(results):
    if not results["models"]:
        return []
    times, parts = model_times(results), ["### Whole models"]
    parts.append("Milliseconds of a batch, or of a call with one sample; with one thread / with two, Keras with two. "
                 "Ratios are those with two threads. For one sample, Keras' first time is that of `predict`, its "
                 "second that of the faster of `predict_on_batch` and a call of the model. Ours has its own default "
                 "at the gates, hard_sigmoid; the others have sigmoid. Where there is padding, all go through it but "
                 "us, and PyTorch takes each sequence's last real output.")
    for kind, text in KINDS.items():
        rows = [row for row in (model_row(times, model, kind) for model in MODELS) if row]
        if rows:
            ratios = ["over " + peer for peer in PEERS if kind != "fit" or peer != ONNX]
            header = ["model", OURS, *(peer[len("over "):] for peer in ratios), *ratios]
            parts += [f"#### {text}", table(header, rows)]
    two = [times.get(("LSTM large", "train", OURS, threads)) for threads in THREADS]
    if all(two):
        parts.append(f"A training step of the layer LSTM, large: {' / '.join(map(milliseconds, two))}.")
    if results["checks"]:
        worst = max(check["difference"] for check in results["checks"])
        parts.append(f"With the same weights and mathematics the outputs of the models agree to {worst:.0e}.")
    parts += disturbed_models(results)
    return parts


def disturbed_models(results):
    """As :func:`not_to_be_trusted`, of the models."""
    disturbed = dict.fromkeys((row["model"], row["kind"]) for row in results["models"] if row["busy"] > BUSY)
    return not_to_be_trusted(f"{model}, {KINDS.get(kind, kind)}" for model, kind in disturbed if kind != "call_one")


def model_row(times, model, kind):
    """The times of a model, ours and everybody's, and our time over each; None where ours was not measured."""
    if not any((model, kind, OURS, threads) in times for threads in THREADS):
        return None
    cells, ratios = [model, slashed(times.get((model, kind, OURS, threads)) for threads in THREADS)], []
    for peer, threads in PEERS.items():
        if kind == "fit" and peer == ONNX:
            continue
        found = [times.get((model, kind, peer, number)) for number in threads]
        direct = times.get((model, "call_one", peer, 2)) if kind == "predict_one" else None
        cells.append(slashed([*found, direct] if direct else found))
        ratio = model_ratio(times, model, kind, [peer])
        ratios.append("" if ratio is None else f"{ratio:.2f}")
    return cells + ratios


def model_ratios(results):
    """All our times over those of each peer, by model, kind and peer."""
    times = model_times(results)
    found = {(model, kind, peer): model_ratio(times, model, kind, [peer])
             for model in MODELS for kind in KINDS for peer in PEERS}  # fmt: skip
    return {key: ratio for key, ratio in found.items() if ratio is not None}


def slashed(seconds):
    """Some times in one cell."""
    return " / ".join("?" if one is None else milliseconds(one) for one in seconds)


def busy_section(results):
    parts, times = [], model_times(results, "busy")
    rows = []
    for model, kind in dict.fromkeys((model, kind) for model, kind, _, _ in times):
        one, two, *theirs = (times.get((model, kind, who, threads)) for who in (OURS, PYTORCH) for threads in THREADS)
        rows.append((model, KINDS[kind], slashed([one, two]), slashed(theirs),
                     f"{two / one:.2f}" if one and two else ""))  # fmt: skip
    if rows:
        parts += ["### Beside busy processes",
                  "As many processes as processors keep them busy; mean times with one thread / with two.",
                  table(["model", "what", OURS, PYTORCH, "ours, two over one"], rows)]  # fmt: skip
    for row in results["recovery"]:
        beside = "" if row["busy"] is None else f", {milliseconds(row['busy'])} beside busy processes"
        parts.append(f"A training step of {row['model']} takes {milliseconds(row['idle'])}{beside}; it is as fast "
                     f"again {row['seconds']:.2f} s after they have ended.")
    return parts


def profile_section(results):
    parts = ["### Where the time of fit goes"] if results["profile"] else []
    for profile in results["profile"]:
        parts += [f"#### {profile['model']}, {milliseconds(profile['seconds'])} a batch",
                  table(["op", "calls", "ms", "%"], profile_rows(profile))]  # fmt: skip
    return parts


def profile_rows(profile):
    """A row for each op that takes much of a batch's time, those that take most first; then the others and the rest."""
    whole, ops = profile["seconds"], sorted(profile["ops"].items(), key=lambda op: -op[1]["seconds"])

    def row(name, calls, seconds):
        return name, calls and f"{calls:g}", f"{1000 * seconds:.3f}", f"{100 * seconds / whole:.1f}"

    shown = [op for op in ops if 100 * op[1]["seconds"] / whole > SHOWN]
    inside = sum(op["seconds"] for _, op in ops)
    rows = [row(f"`{shortened(name)}`", op["calls"], op["seconds"]) for name, op in shown]
    rows.append(row("other ops", "", inside - sum(op["seconds"] for _, op in shown)))
    rows.append(row("the function around its ops", "", profile["function"] - inside))
    return rows + [row("`fit` around the function", "", whole - profile["function"])]


def shortened(name, most=80):
    """The name of an op; that of one made of many is long."""
    name = name.replace("|", "/").replace("`", "")
    return name if len(name) <= most else name[:most - 1] + "…"


def padding_section(results):
    parts = []
    if results["lengths"]:
        rows = [(row["layer"], row["size"], row["kind"], milliseconds(row["ours"]["median"]),
                 milliseconds(row["packed"]["median"]), f"{row['ratio']:.2f}", milliseconds(row["whole"]["median"]),
                 f"{row['ours']['median'] / row['whole']['median']:.2f}") for row in results["lengths"]]  # fmt: skip
        parts += ["### Sequences of unequal length",
                  "Lengths from 1 to all timesteps, evenly spread: ours with a mask; torch's packed; and torch's "
                  "through all steps, of which each sequence's last real output is taken.",
                  table(["layer", "size", "what", "ours", "torch, packed", "ratio", "torch, all steps", "ratio"],
                        rows)]  # fmt: skip
    if results["masks"]:
        rows = []
        for row in results["masks"]:
            none, full, left = (row[padding]["median"] for padding in ("none", "full", "left"))
            rows.append((row["layer"], row["size"], row["kind"], *map(milliseconds, (none, full, left)),
                         f"{full / none:.2f}", f"{left / none:.2f}"))  # fmt: skip
        parts += ["### Masks, ours over ours",
                  table(["layer", "size", "what", "no mask", "mask of ones", "half padding", "ones over no mask",
                         "half over no mask"], rows)]  # fmt: skip
    return parts + not_to_be_trusted(f"{row['layer']} {row['size']}, {row['kind']}" for place in ("lengths", "masks")
                                     for row in results[place] if row["busy"] > BUSY)


# ---- Summary ----------------------------------------------------------------------------------------------


def summary(results):
    """A small table: each whole model beside PyTorch, and the worst ratios of the layers alone."""
    times, rows, worst_pairs = model_times(results), [], []
    for model in MODELS:
        cells = []
        for kind in KINDS:
            ours, theirs = (times.get((model, kind, who, 2)) for who in (OURS, PYTORCH))
            both = ours and theirs
            cells.append(f"{ours / theirs:.2f} ({milliseconds(ours)} / {milliseconds(theirs)})" if both else "")
        rows += [[model, *cells]] if any(cells) else []
    layers = [(f"`{layer}` over `torch.nn.{layer}` alone", TORCH, (layer,)) for layer in ("LSTM", "GRU")]
    layers += [("`JZS1`–`JZS3` over torchrecurrent's MUT1–3 alone", TORCHRECURRENT, JZS),
               ("`SimpleRNN`, `GRU`, `LSTM` over those of Keras 0.3.3, without our preparation of Theano, alone",
                KERAS, KERAS_LAYERS)]  # fmt: skip
    for text, peer, names in layers:
        chosen = [pair for pair in results["pairs"] if pair["peer"] == peer and pair["layer"] in names]
        worst = [max((pair for pair in chosen if pair["kind"] == kind), key=lambda pair: pair["ratio"], default=None)
                 for kind in ("train", "forward")]  # fmt: skip
        worst_pairs += filter(None, worst)
        cells = ["" if pair is None else f"{pair['ratio']:.2f}" for pair in worst]
        rows += [[text, *cells, ""]] if any(cells) else []
    machine = results["machine"]
    head = ("Below 1, we are faster: our time over the peer's (PyTorch's, where no other is named), and in brackets "
            "both times in milliseconds, of a batch, or of `predict` for one sample, with two threads.")
    if any("alone" in row[0] for row in rows):
        head += " Of layers alone: the worst ratios, of a training step and of a forward pass."
    head += f" Version {machine['versions']['recurrent_layers']}; {machine['processor']}, {machine['date']}."
    parts = [head, table(["model", "fit", "predict", "one sample"], rows), *disturbed_models(results),
             *disturbed_pairs(worst_pairs)]  # fmt: skip
    return "\n\n".join(parts) + "\n"
