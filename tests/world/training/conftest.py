"""Without PyTorch the tests that need it are not collected; `make test-training` installs it and runs them."""

from __future__ import annotations

import importlib.util

collect_ignore = [] if importlib.util.find_spec("torch") else ["test_train.py"]
