"""`make bench`: every benchmark, or the one that ONLY names; one table of ratios at the end."""

import argparse
import sys
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Final

import uvloop

from bench import accept, civil_status, clocks, consume, filing, lists, relay, start, table
from bench.harness import ROUNDS, Options, Result, kept
from shared import log

BENCHMARKS: Final[dict[str, Callable[[Options], Awaitable[Sequence[Result]]]]] = {
    "accept": accept.run,
    "filing": filing.run,
    "relay": relay.run,
    "consume": consume.run,
    "clocks": clocks.run,
    "civil_status": civil_status.run,
    "lists": lists.run,
    "start": start.run,
}


async def main() -> None:
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("only", nargs="*", choices=[[], *BENCHMARKS], metavar="NAME")
    parser.add_argument("--scale", type=float, default=1.0, help="0.1 for backlogs a tenth as large")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--no-peers", action="store_true", help="ours and the floor alone")
    parser.add_argument("--home", type=Path, help="keep the data there, and go on with what is there")
    asked = parser.parse_args()
    log.configure(level="ERROR")
    options = Options(scale=asked.scale, rounds=asked.rounds, peers=not asked.no_peers, home=asked.home)
    for name in asked.only or BENCHMARKS:
        print(f"{name} …", file=sys.stderr)
        found = await BENCHMARKS[name](options)
        results = kept(found, options)
        print(table.screen({one.name: results[one.name] for one in found}), flush=True)


if __name__ == "__main__":
    uvloop.run(main())
