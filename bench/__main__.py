"""`make bench`: every benchmark, or the one that ONLY names; one table of ratios at the end."""

import argparse
import asyncio
import sys
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from bench import accept, table
from bench.harness import ROUNDS, Options, Result, kept
from shared import log

BENCHMARKS: Final[dict[str, Callable[[Options], Awaitable[Sequence[Result]]]]] = {
    "accept": accept.run,
}


async def main() -> None:
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("only", nargs="*", choices=[[], *BENCHMARKS], metavar="NAME")
    parser.add_argument("--quick", action="store_true", help="small backlogs, for a look")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--no-peers", action="store_true", help="ours and the floor alone")
    asked = parser.parse_args()
    log.configure(level="WARNING")
    options = Options(quick=asked.quick, rounds=asked.rounds, peers=not asked.no_peers)
    for name in asked.only or BENCHMARKS:
        print(f"{name} …", file=sys.stderr)
        found = await BENCHMARKS[name](options)
        results = kept(found, options)
        print(table.screen({one.name: results[one.name] for one in found}), flush=True)


if __name__ == "__main__":
    asyncio.run(main())
