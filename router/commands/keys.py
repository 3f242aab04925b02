"""`signalbox keys new|list|revoke`: client keys in the ledger's file; running proxies see a change within a second."""

from __future__ import annotations

import argparse
import json
import os
import sqlite3
import sys
import time
from collections.abc import Iterator
from typing import Any

from pydantic import ValidationError

from router.accounts.key_table import MOST, KeyTable
from router.accounts.keys import ClientKey, digest_of, from_environment, from_rules, new_key
from router.accounts.ledger import data_dir
from router.config.client_keys import ALIAS, expiry
from router.config.load import load, rules_file
from router.config.problems import RulesError
from router.config.written import seconds
from router.settings import Settings, faults

__all__ = ["arguments", "run"]

HEAD = ("alias", "from", "for", "expires", "last used")


def arguments(parser: argparse.ArgumentParser) -> None:
    """What to do, with which key."""
    what = parser.add_subparsers(dest="what", metavar="new|list|revoke", required=True)
    new = what.add_parser("new", help="make a key, and print it this once")
    new.add_argument("alias", metavar="ALIAS", help="what the key is called in logs, metrics and rules")
    new.add_argument("--route", action="append", metavar="R", help="only for this route, `*` for any text; repeatable")
    new.add_argument("--backend", action="append", metavar="B", help="only for this backend; repeatable")
    new.add_argument("--private", action="store_true", help="only for private backends")
    new.add_argument("--pass-key", action="store_true", help="handed on to backends that say `pass_key` too")
    new.add_argument("--expires", metavar="TIME", help="good for 12h, 90d, or until 2027-01-31 (default: for good)")
    new.add_argument("--yaml", action="store_true", help="keep nothing here: print lines for the rules file")
    listed = what.add_parser("list", help="all keys, and none of them")
    listed.add_argument("--json", action="store_true", help="print JSON")
    revoke = what.add_parser("revoke", help="a key opens nothing any more")
    revoke.add_argument("alias", metavar="ALIAS")
    revoke.add_argument(
        "--forget",
        action="store_true",
        help="as if it had never been: on loopback, the last one to go leaves the door open again",
    )


def run(args: argparse.Namespace) -> int:
    """0: done. 1: there is no such key, or there is one already, or the file cannot be used. 2: wrong usage."""
    try:
        settings = Settings()
    except ValidationError as error:
        print(faults(error), file=sys.stderr)
        return 2
    table = KeyTable(data_dir(settings.data_dir))
    try:
        if args.what == "new":
            return _new(table, args)
        if args.what == "list":
            return _list(settings, table, args)
        return _revoke(table, args)
    except (OSError, sqlite3.Error) as error:
        print(f"{table.path} cannot be used: {error}", file=sys.stderr)
        return 1


def _new(table: KeyTable, args: argparse.Namespace) -> int:
    try:
        expires = _until(args.expires) if args.expires else None
    except ValueError as error:
        print(f"--expires {args.expires}: {error}", file=sys.stderr)
        return 2
    if not ALIAS.fullmatch(args.alias):
        print(f'"{args.alias}" is no alias: letters, digits and . _ @ -, at most 64, no sign first', file=sys.stderr)
        return 2
    key = new_key()
    if args.yaml:
        print(_as_yaml(args, digest_of(key).hex(), expires))
    else:
        limits: dict[str, Any] = {"routes": args.route, "backends": args.backend, "private": args.private}
        added = table.add(args.alias, digest_of(key), **limits, pass_key=args.pass_key, expires=expires)
        if not added:
            print(f'there is a key "{args.alias}" already, or there are {MOST:,} of them', file=sys.stderr)
            return 1
        print(key)
    print(_how(args, key), file=sys.stderr)
    return 0


def _until(text: str) -> float:
    """Seconds of the epoch, of a duration from now or a date. Raises ValueError."""
    try:
        return time.time() + seconds(text)
    except ValueError:
        try:
            return float(expiry(text))
        except ValueError as error:
            raise ValueError(f"a duration such as 90d, or {error}") from None


def _as_yaml(args: argparse.Namespace, digest: str, expires: float | None) -> str:
    said: list[tuple[str, Any]] = [("routes", args.route), ("backends", args.backend)]
    said += [("private", args.private), ("pass_key", args.pass_key)]
    if expires is not None:
        said.append(("expires", time.strftime("%Y-%m-%dT%H:%M", time.localtime(expires))))
    # JSON is YAML: quotes where a name needs them.
    lines = [f"    {name}: {json.dumps(value)}" for name, value in said if value]
    return "\n".join(["keys:", f"  {json.dumps(args.alias)}:", f"    key: sha256:{digest}", *lines])


def _how(args: argparse.Namespace, key: str) -> str:
    told = [
        "",
        "This is the only time that the key is shown: what is kept is a digest of it."
        if not args.yaml
        else f"The key, shown this once; put the lines above into the rules file:\n\n  {key}",
        "Clients send it as `Authorization: Bearer KEY`, `x-api-key` or `api-key`; in most tools it is the API key:",
        "",
        "  export OPENAI_API_KEY=…  OPENAI_BASE_URL=http://127.0.0.1:4000/v1",
    ]
    if not args.yaml:
        told += ["", f"A proxy that runs takes it within a second. To end it: signalbox keys revoke {args.alias}"]
    return "\n".join(told)


def _list(settings: Settings, table: KeyTable, args: argparse.Namespace) -> int:
    used = table.last_used()
    rows = [_row(key, used) for key in _elsewhere(settings)]
    rows += [{**_row(row.key, used), "created": row.created, "revoked": row.revoked} for row in table.rows()]
    if args.json:
        print(json.dumps({"keys": rows}, indent=2))
    elif not rows:
        print("There are no client keys: on loopback none is needed. `signalbox keys new ALIAS` makes one.")
    else:
        print("\n".join(_table(rows)))
    return 0


def _elsewhere(settings: Settings) -> Iterator[ClientKey]:
    """Those of the rules and of the environment."""
    path = settings.rules or rules_file()
    if path is not None:
        try:
            yield from from_rules(load(path, os.environ).rules.keys)
        except (RulesError, OSError):
            print(f"{path} cannot be used, so its keys are not listed; `signalbox check` tells why", file=sys.stderr)
    yield from from_environment({alias: key.get_secret_value() for alias, key in settings.keys.items()})


def _row(key: ClientKey, used: dict[str, float]) -> dict[str, Any]:
    limits = key.grant
    return {
        "alias": key.alias,
        "from": key.source,
        "routes": limits.routes if limits is not None else None,
        "backends": limits.backends if limits is not None else None,
        "private": limits is not None and limits.private,
        "pass_key": limits is not None and limits.pass_key,
        "expires": key.expires,
        "last_used": used.get(key.alias),
    }


def _table(rows: list[dict[str, Any]]) -> Iterator[str]:
    lines = [HEAD, *(tuple(_cells(row)) for row in rows)]
    widths = [max(len(line[at]) for line in lines) for at in range(len(HEAD))]
    for line in lines:
        yield "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()


def _cells(row: dict[str, Any]) -> Iterator[str]:
    yield row["alias"]
    yield row["from"]
    limits = [f"{what} {', '.join(row[what])}" for what in ("routes", "backends") if row[what] is not None]
    limits += [what for what in ("private", "pass_key") if row[what]]
    yield "; ".join(limits) or "everything"
    if row.get("revoked") is not None:
        yield f"revoked {_when(row['revoked'])}"
    elif row["expires"] is None:
        yield "never"
    else:
        yield ("expired " if row["expires"] <= time.time() else "") + _when(row["expires"])
    yield _when(row["last_used"]) if row["last_used"] is not None else "-"


def _when(at: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(at))


def _revoke(table: KeyTable, args: argparse.Namespace) -> int:
    done = table.forget(args.alias) if args.forget else table.revoke(args.alias)
    if not done:
        print(
            f'the ledger has no key "{args.alias}" that could be revoked; those of rules files and of SIGNALBOX_KEYS '
            "end by being taken out there",
            file=sys.stderr,
        )
        return 1
    print(f"{args.alias} is {'forgotten' if args.forget else 'revoked'}; proxies that run know within a second or two")
    return 0
