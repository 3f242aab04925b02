"""One target under a coverage-guided fuzzer: `python -m tests.faults.fuzz TARGET -runs=20000 -seed=1`.

What stands behind the target is libFuzzer's. It ends with an error, and the input, where a promise was broken or an
input took longer than a few seconds.
"""

from __future__ import annotations

import sys

import atheris

with atheris.instrument_imports(include=["router"]):
    from tests.faults.targets import TARGETS

if __name__ == "__main__":
    name, *options = sys.argv[1:]
    atheris.Setup([sys.argv[0], "-timeout=5", "-rss_limit_mb=2048", *options], TARGETS[name])
    atheris.Fuzz()
