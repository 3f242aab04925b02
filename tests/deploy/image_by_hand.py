"""deploy/Dockerfile followed by hand, as far as that goes without Docker: `make test-image`.

Not part of the usual suite: it installs everything anew and takes a minute.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

from tests.deploy.dockerfile import COPIED, ROOT, said
from tests.signalbox import free_port


def test_followed_by_hand_it_makes_an_environment_that_serves(tmp_path: Path) -> None:
    """The build stage's instructions in a clean tree that holds what is copied and nothing else."""
    tree, venv = tmp_path / "src", tmp_path / "signalbox"
    tree.mkdir()
    for source in COPIED:
        if (ROOT / source).is_dir():
            leave_out = shutil.ignore_patterns("__pycache__", "training")
            shutil.copytree(ROOT / source, tree / source, ignore=leave_out)
        else:
            shutil.copy(ROOT / source, tree / source)
    for line in [rest for rest in said("RUN") if "/opt/signalbox" in rest]:
        words = line.replace("/opt/signalbox", str(venv)).replace("${EXTRAS:+[$EXTRAS]}", "").replace('"', "").split()
        subprocess.run([sys.executable, *words[1:]], cwd=tree, check=True, timeout=600)
    assert not (venv / "bin" / "pip").exists()
    rules, port = tmp_path / "rules.yaml", free_port()
    shutil.copy(ROOT / "deploy" / "rules" / "rules.yaml", rules)
    environment = {
        "PATH": f"{venv}/bin:/usr/bin:/bin",
        "SIGNALBOX_HOST": "127.0.0.1",
        "SIGNALBOX_PORT": str(port),
        "SIGNALBOX_RULES": str(rules),
        "SIGNALBOX_DATA_DIR": str(tmp_path),
        "SIGNALBOX_KEYS": "me:abc",
        "SIGNALBOX_ADMIN_KEY": "0123456789abcdef",
        "SIGNALBOX_WORKERS": "2",
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    command = [*json.loads(said("ENTRYPOINT")[0]), *json.loads(said("CMD")[0])]
    program = shutil.which(command[0], path=environment["PATH"])
    assert program is not None and program.startswith(str(venv))
    (health,) = said("HEALTHCHECK")
    check = [part.replace(":4000", f":{port}") for part in json.loads(health[health.index("CMD") + 3 :])]
    running = subprocess.Popen([program, *command[1:]], cwd="/", env=environment)
    try:
        until = time.monotonic() + 30
        while subprocess.run(check, env=environment, capture_output=True).returncode:
            assert running.poll() is None and time.monotonic() < until
            time.sleep(0.2)
        asked = urllib.request.Request(
            f"http://127.0.0.1:{port}/metrics", headers={"authorization": "Bearer 0123456789abcdef"}
        )
        with urllib.request.urlopen(asked, timeout=5) as answer:
            assert b"signalbox_build_info" in answer.read()
    finally:
        running.terminate()
        running.wait(20)
