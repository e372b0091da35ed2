"""What is published says one thing of itself."""

import pathlib
import re

import recurrent_layers as rl

ROOT = pathlib.Path(__file__).parents[1]


def test_the_version_is_one():
    changelog, citation = ((ROOT / name).read_text(encoding="utf-8") for name in ("CHANGELOG.md", "CITATION.cff"))
    (version, date), *_ = re.findall(r"^## \[(.+)\] - (\d{4}-\d\d-\d\d)$", changelog, re.MULTILINE)
    assert version == rl.__version__
    assert f'\nversion: {version}\ndate-released: "{date}"\n' in citation
