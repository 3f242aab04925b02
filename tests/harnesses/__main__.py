"""Real clients through Signalbox: `python -m tests.harnesses [--write] [CLIENT …]`, which `make test-clients` calls.

Installs what is missing, then goes where there is nothing but loopback, and runs each client through each scenario.
`--write` keeps the results in bench/clients-results.json, and the table of docs/clients.md is made of them.
"""

from __future__ import annotations

import os
import re
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path

from tests.harnesses import report
from tests.harnesses.alone import INSIDE, enter, reaches
from tests.harnesses.box import box, llama_server
from tests.harnesses.driving import SCENARIOS, Outcome, drive, furnish
from tests.harnesses.install import CLIENTS, Client, Deviation, installed

AT_ONCE = 2


def main(arguments: list[str]) -> int:
    """0 when each scenario ended as expected."""
    names = [argument for argument in arguments if not argument.startswith("-")] or list(CLIENTS)
    if unknown := [name for name in names if name not in CLIENTS]:
        print(f"No such client: {', '.join(unknown)}. There are: {', '.join(CLIENTS)}.")
        return 2
    if not os.environ.get(INSIDE):
        _install(names)
        code = enter(arguments)
        if code is not None:
            return code
        print("No namespaces here: clients are only kept from the network by proxies that lead nowhere.")
    elif outside := reaches():
        print(f"This place reaches {', '.join(outside)}: nothing is run.")
        return 2
    return _summary(_run([CLIENTS[name] for name in names], "--write" in arguments))


def _install(names: list[str]) -> None:
    for name in names:
        if fault := installed(CLIENTS[name]):
            print(f"{name} {CLIENTS[name].version} cannot be installed: {fault}", flush=True)


def _run(clients: list[Client], keep: bool) -> list[Outcome]:
    outcomes: list[Outcome] = []
    with ThreadPoolExecutor(AT_ONCE) as pool:
        for done in as_completed(pool.submit(_through, client) for client in clients):
            outcomes += done.result()
            if keep:
                report.write(done.result())
    return outcomes


def _through(client: Client) -> list[Outcome]:
    """One client, all scenarios, in one HOME, with servers of its own: what they log is about it."""
    if not (client.folder / ".installed").is_file():
        return [_said(Outcome(client.name, scenario, "not installed")) for scenario in SCENARIOS]
    outcomes: list[Outcome] = []
    try:
        with tempfile.TemporaryDirectory(prefix="signalbox-client-", ignore_cleanup_errors=True) as folder:
            home, servers = Path(folder) / "home", Path(folder) / "servers"
            home.mkdir()
            servers.mkdir()
            with llama_server(servers) as llama, box(llama) as its:
                furnish(client, home, its)
                outcomes.extend(_said(drive(client, scenario, home, its)) for scenario in SCENARIOS)
            outcomes.append(_said(_titles(client, outcomes)))
    except (AssertionError, RuntimeError, OSError) as error:
        outcomes.append(_said(Outcome(client.name, "whole", "the run broke off", printed=str(error))))
    return outcomes


def _titles(client: Client, outcomes: list[Outcome]) -> Outcome:
    """Made of what came during the others."""
    seen = [record for outcome in outcomes for record in outcome.requests if record["route"] == "titles"]
    if not client.titles and not seen:
        return Outcome(client.name, "title", "lacks")
    good = [record for record in seen if record["outcome"] == "ok"]
    verdict = "ok" if good and len(good) == len(seen) else f"{len(good)} of {len(seen)} were answered"
    return Outcome(client.name, "title", verdict, requests=seen)


def expected(outcome: Outcome) -> bool:
    """It ended as clients.toml says."""
    client = CLIENTS[outcome.client]
    if outcome.verdict == "not installed":
        return bool(client.absent)
    known = client.deviates.get(outcome.scenario)
    return _so(known, outcome) if known else outcome.verdict in ("ok", "lacks")


def _so(known: Deviation, outcome: Outcome) -> bool:
    """What was seen is what is known; anything else, be it better or worse, is not expected."""
    logged = [f"{record['route']} {record['status']} {record['outcome']}" for record in outcome.requests]
    return (
        outcome.verdict != "ok"
        and outcome.exit == known.exit
        and tuple(sorted(logged)) == known.logged
        and re.search(known.printed, outcome.printed) is not None
        and re.search(known.llama, outcome.llama) is not None
    )


def _said(outcome: Outcome) -> Outcome:
    mark = "    " if expected(outcome) else "FAIL"
    routes = ", ".join(dict.fromkeys(f"{r['route']} → {r['backend']} {r['status']}" for r in outcome.requests))
    what = f"{outcome.client:24} {outcome.scenario:10} {outcome.verdict:40} {outcome.seconds:6.1f} s"
    print(mark, what, routes, flush=True)
    return outcome


def _summary(outcomes: list[Outcome]) -> int:
    bad = [outcome for outcome in outcomes if not expected(outcome)]
    for outcome in bad:
        client = CLIENTS[outcome.client]
        print(f"\n{outcome.client}, {outcome.scenario}: {outcome.verdict}")
        if known := client.deviates.get(outcome.scenario):
            print(f"  expected until now: {known}")
        if outcome.llama:
            print(f"  llama.cpp's server: {outcome.llama}")
        print("  " + "\n  ".join(outcome.printed.strip().splitlines()[-8:]))
    print(f"\n{len(outcomes) - len(bad)} of {len(outcomes)} as expected")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
