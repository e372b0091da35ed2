"""What `compare.py` found, as tables in Markdown and as a picture."""

import matplotlib
from cases import COMPARISONS, FIRST_STEP_TARGETS, LINEAR, MEMORY_STEPS, MEMORY_TARGET, OUR_GRU, SIZES, TARGETS

BUSY = 0.15  # From this share of the processors in use by others, times mean little.

matplotlib.use("Agg")  # Draws into files, so that no display is needed.


def table(header, rows):
    """A table in Markdown; all columns but those of words are set to the right."""
    words = {"layer", "size", "mathematics", "target", "worst at", "verdict", "what", "of"}
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
    for peer in COMPARISONS:
        rows = pair_rows([pair for pair in results["pairs"] if pair["peer"] == peer], results["sgemm"])
        if rows:
            theirs = "GRU" if peer == OUR_GRU else peer.split(" ")[0]
            header = ["layer", "size", "mathematics", "forward: ours", theirs, "ratio", "train: ours", theirs, "ratio",
                      "of sgemm, forward / train"]  # fmt: skip
            parts += [f"### Over {peer}", table(header, rows)]
    disturbed = [pair for pair in results["pairs"] if pair["busy"] > BUSY]
    if disturbed:
        names = "; ".join(f"{pair['layer']} {pair['size']}, {pair['math']}, {pair['kind']}, over {pair['peer']}"
                          for pair in disturbed)
        parts.append(f"Not to be trusted, because other programs kept the processors busy: {names}.")
    if results["memory"]:
        parts += ["### Memory of a training step", table(["layer", "timesteps", "ours, MB", "torch, MB", "ratio"],
                                                         memory_rows(results["memory"]))]
    if results["first_step"]:
        rows = [(name, f"{seconds:.1f}") for name, seconds in results["first_step"].items()]
        parts += ["### First training step of an LSTM model, imports included",
                  table(["of", "seconds"], [(f"{name} cache", seconds) for name, seconds in rows])]
    if results["growth"]:
        rows = [(row["layer"], row["what"], row["value"], milliseconds(row["ours"]), milliseconds(row["theirs"]),
                 f"{row['ours'] / row['theirs']:.2f}") for row in results["growth"]]
        parts += ["### Growth of a training step", table(["layer", "what", "value", "ours", "torch", "ratio"], rows)]
    parts += ["### Targets", table(["target", "limit", "worst", "worst at", "measured", "verdict"], verdicts(results))]
    if results["failures"]:
        parts += ["### Failures", "\n".join("- " + failure.strip().replace("\n", "\n  ")
                                            for failure in results["failures"])]
    return "\n\n".join(parts) + "\n"


def machine_line(results):
    """The machine, the versions, and the environment where it matters."""
    machine = results["machine"]
    versions = ", ".join(f"{name} {version}" for name, version in machine["versions"].items())
    text = f"{machine['processor']}; {versions}; {machine['date']}"
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


# ---- Targets ----------------------------------------------------------------------------------------------


def verdicts(results):
    """For each target: limit, worst value, where it was, how much of it was measured, and whether it is met."""
    rows = []
    for target in TARGETS:
        for kind in ("forward", "train"):
            pairs = [pair for pair in results["pairs"] if pair["peer"] == target.peer and pair["kind"] == kind
                     and pair["layer"] in target.layers and pair["size"] in target.sizes]
            values = {f"{pair['layer']} {pair['size']}, {pair['math']}": pair["ratio"] for pair in pairs}
            total = len(target.layers) * len(target.sizes) * len(COMPARISONS[target.peer][1])
            rows.append(verdict(f"{target.text}: {kind}", getattr(target, kind), values, total))
    for name, limit in FIRST_STEP_TARGETS.items():
        seconds = results["first_step"].get(name)
        values = {} if seconds is None else {f"{name} cache": seconds}
        rows.append(verdict(f"first training step, {name} cache, s", limit, values, 1))
    long = SIZES["long"][1]
    sizes = {(entry["who"], entry["layer"], entry["steps"]): entry["bytes"] for entry in results["memory"]}
    over_torch = {f"{layer} {steps} steps": value / sizes["torch", layer, steps]
                  for (who, layer, steps), value in sizes.items()
                  if who == "ours" and steps == long and sizes.get(("torch", layer, steps))}
    fewest, most = MEMORY_STEPS[0], MEMORY_STEPS[-1]
    growth = {f"{layer} {fewest} to {most} steps": sizes[who, layer, most] / most / (value / fewest)
              for (who, layer, steps), value in sizes.items()
              if who == "ours" and steps == fewest and value and sizes.get((who, layer, most))}
    rows.append(verdict("memory of training at long, over torch", MEMORY_TARGET, over_torch, 2))
    rows.append(verdict(f"memory of training per timestep, {most} steps over {fewest}", LINEAR, growth, 2))
    return rows


def verdict(text, limit, values, total):
    """A row of the table of targets.

    Parameters
    ----------
    text : str
    limit : float
        The highest value aimed at.
    values : dict of str to float
        What was found, by where.
    total : int
        How many values it takes to be sure.
    """
    if not values:
        return text, f"≤ {limit}", "", "", f"0 of {total}", "not measured"
    where = max(values, key=values.get)
    answer = "NOT met" if values[where] > limit else "met" if len(values) >= total else "met so far"
    return text, f"≤ {limit}", f"{values[where]:.2f}", where, f"{len(values)} of {total}", answer


# ---- Picture ----------------------------------------------------------------------------------------------


def draw(results, path):
    """Save a picture: all ratios, and how the time of a training step grows."""
    from matplotlib import pyplot as plt

    rows = {}
    for pair in results["pairs"]:
        name = f"{pair['layer']} {pair['size']}" + (" (defaults)" if pair["math"] == "defaults" else "")
        rows.setdefault((list(COMPARISONS).index(pair["peer"]), pair["peer"], name), {})[pair["kind"]] = pair["ratio"]
    rows = sorted(rows.items(), key=lambda row: row[0][0])
    grown = list(dict.fromkeys(row["what"] for row in results["growth"]))
    mosaic = [["ratios", what] for what in grown] or [["ratios"]]
    figure, axes = plt.subplot_mosaic(mosaic, figsize=(6.5 * len(mosaic[0]), max(4, 0.16 * len(rows) + 1)))
    draw_ratios(axes["ratios"], rows)
    for what in grown:
        draw_growth(axes[what], what, [row for row in results["growth"] if row["what"] == what])
    figure.tight_layout()
    figure.savefig(path, dpi=120)
    plt.close(figure)


def draw_ratios(axis, rows):
    """Draw a row for each layer and size, a colour for each peer: forward pass open, training step filled."""
    for place, ((peer, _, _), kinds) in enumerate(rows):
        for kind, ratio in kinds.items():
            axis.plot(ratio, place, "o", color=f"C{peer}", markersize=5,
                      fillstyle="full" if kind == "train" else "none")  # fmt: skip
    for peer in sorted({(number, name) for (number, name, _), _ in rows}):
        axis.plot([], [], "o", color=f"C{peer[0]}", label="over " + peer[1])
    axis.axvline(1.0, color="black", linewidth=1)
    axis.set_xscale("log")
    ticks = (0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10)
    axis.set_xticks(ticks)
    axis.set_xticklabels([str(tick) for tick in ticks])
    axis.minorticks_off()
    axis.set_yticks(range(len(rows)))
    axis.set_yticklabels([name for (_, _, name), _ in rows], fontsize=7)
    axis.margins(y=0.02)
    axis.invert_yaxis()
    axis.grid(axis="x", alpha=0.3)
    axis.set_xlabel("our time over the peer's: forward pass (open), training step (filled)")
    if rows:
        axis.legend(fontsize=7, loc="best")


def draw_growth(axis, what, growth):
    """Draw the time of a training step, ours and torch's."""
    for layer in dict.fromkeys(row["layer"] for row in growth):
        rows = [row for row in growth if row["layer"] == layer]
        for who, label, line in (("ours", "ours", "o-"), ("theirs", "torch", "o:")):
            axis.plot([row["value"] for row in rows], [1000 * row[who] for row in rows], line,
                      label=f"{layer}, {label}", color="C0" if layer == "LSTM" else "C1")  # fmt: skip
    ticks = sorted({row["value"] for row in growth})
    axis.set_xscale("log")
    axis.set_yscale("log")
    axis.set_xticks(ticks)
    axis.set_xticklabels([str(tick) for tick in ticks])
    axis.tick_params(axis="x", which="minor", bottom=False, labelbottom=False)
    axis.set_xlabel(what)
    axis.set_ylabel("training step, ms")
    axis.grid(alpha=0.3)
    axis.legend(fontsize=7)
