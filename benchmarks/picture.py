"""What `compare.py` found, as a picture."""

import matplotlib
import report
from cases import COMPARISONS, RUNTIMES
from whole_models import KINDS

matplotlib.use("Agg")  # Draws into files, so that no display is needed.


def draw(results, path):
    """Save a picture: all ratios, those of whole models, and how the time of a training step grows."""
    from matplotlib import pyplot as plt

    peers, rows = [*COMPARISONS, *RUNTIMES], {}
    for pair in results["pairs"]:
        name = f"{pair['layer']} {pair['size']}" + (" (defaults)" if pair["math"] == "defaults" else "")
        rows.setdefault((peers.index(pair["peer"]), pair["peer"], name), {})[pair["kind"]] = pair["ratio"]
    rows = sorted(rows.items(), key=lambda row: row[0][0])
    grown = list(dict.fromkeys(row["what"] for row in results["growth"]))
    others = ["models"] * bool(results["models"]) + grown
    mosaic = [["ratios", what] for what in others] or [["ratios"]]
    figure, axes = plt.subplot_mosaic(mosaic, figsize=(6.5 * len(mosaic[0]), max(4, 0.16 * len(rows) + 1)))
    draw_ratios(axes["ratios"], rows)
    if results["models"]:
        draw_models(axes["models"], report.model_ratios(results))
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
    set_ratios(axis)
    axis.set_yticks(range(len(rows)))
    axis.set_yticklabels([name for (_, _, name), _ in rows], fontsize=7)
    axis.margins(y=0.02)
    axis.invert_yaxis()
    axis.set_xlabel("our time over the peer's: forward pass (open), training step (filled)")
    if rows:
        axis.legend(fontsize=7, loc="best")


def draw_models(axis, ratios):
    """Draw a row for each model and what it does, a colour for each peer."""
    rows = list(dict.fromkeys((model, kind) for model, kind, _ in ratios))
    for number, peer in enumerate(dict.fromkeys(peer for _, _, peer in ratios)):
        found = [(ratio, rows.index((model, kind))) for (model, kind, who), ratio in ratios.items() if who == peer]
        axis.plot(*zip(*found), "o", color=f"C{number}", markersize=5, label="over " + peer)
    set_ratios(axis)
    axis.set_yticks(range(len(rows)))
    axis.set_yticklabels([f"{model}, {KINDS[kind]}" for model, kind in rows], fontsize=7)
    axis.invert_yaxis()
    axis.set_xlabel("our time over the peer's, two threads")
    axis.legend(fontsize=7, loc="best")


def set_ratios(axis):
    """Make the horizontal axis one of ratios."""
    axis.axvline(1.0, color="black", linewidth=1)
    axis.set_xscale("log")
    ticks = (0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10)
    axis.set_xticks(ticks)
    axis.set_xticklabels([str(tick) for tick in ticks])
    axis.minorticks_off()
    axis.grid(axis="x", alpha=0.3)


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
