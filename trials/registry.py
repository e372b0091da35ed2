"""All trials, by their names: each is a module with a function ``trial(run)``, see :class:`trials.process.Run`."""

TRIALS = {
    "saving": "trials.saving",
    "cache": "trials.cache",
    "calls": "trials.calls",
    "weight-files": "trials.weight_files",
    "json": "trials.json_texts",
    "soak": "trials.soak",
    "threads": "trials.threads",
    "fork": "trials.fork",
    "signals": "trials.signals",
    "steps": "trials.steps",
    "sizes": "trials.sizes",
    "bits": "trials.bits",
}
