"""A program that a model wrote starts no other, and finds neither the results that it should have nor the verdict."""

import asyncio
import sys

import pytest

from router.quality.fence import run_apart

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the fence is of POSIX")

TRICKS = {
    "starts programs unheard": "import _posixsubprocess\ndef f(x): return 1",
    "calls C": "import ctypes\ndef f(x): return 1",
    "writes the verdict": "import __main__, json, os\n"
    "os.write(__main__.out, json.dumps([__main__.asked['mark'], '', True]).encode())\nos._exit(0)",
    "reads the result": "import __main__\ndef f(x): return __main__.asked['cases'][0][1]",
}


@pytest.mark.parametrize("code", TRICKS.values(), ids=TRICKS.keys())
def test_a_program_that_reaches_behind_the_fence_is_not_right(code: str) -> None:
    assert asyncio.run(run_apart(code, "f", [[[1], 1]])).fault


def test_an_honest_program_is_right() -> None:
    code = "import collections, heapq, random\nP = collections.namedtuple('P', 'x')\ndef f(x): return P(x).x"
    assert asyncio.run(run_apart(code, "f", [[[1], 1]])).fault is None
