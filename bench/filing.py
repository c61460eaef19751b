"""A report is filed with everything on: token, authorisation, rate limit, validation, its commune by the
point, what the rules point out in its words, whose it is, row-level security, idempotency key, two events,
outbox. The floor is the two INSERTs beside which a permit is measured.
"""

import json
from contextlib import AsyncExitStack
from typing import Final

from bench.accept import CITIZENS, FLOOR_IS, Contestant, details, floor, rates, server
from bench.harness import Options, Result, workshop
from services.chikaya.app import SERVICE

REPORT: Final = json.dumps(
    {
        "kind": "complaint",
        "category": "pothole",
        "channel": "mobile",
        "text": "حفرة كبيرة أمام المدرسة، سقط فيها طفل صباح اليوم.",
        "place": {"longitude": -7.62, "latitude": 33.59, "address": "أمام مدرسة الأمل"},
    }
)


async def run(options: Options) -> list[Result]:
    async with AsyncExitStack() as stack:
        shop = await stack.enter_async_context(workshop(options, SERVICE))
        tokens = [shop.issuer.token(f"citizen{number}") for number in range(CITIZENS)]
        contestants = {
            "ours": Contestant(
                await stack.enter_async_context(server(shop, "product", SERVICE)),
                shop,
                path="/chikaya/v1/reports",
                body=REPORT,
                expect=201,
                tokens=tokens,
                first=0,
            ),
            "floor": await floor(shop, stack, SERVICE, tokens),
        }
        found = await rates(contestants, options.rounds)
    return [
        Result(
            name="filing",
            title="A report is filed, everything on",
            unit="requests/s",
            better="more",
            ours=found["ours"],
            floor=found["floor"],
            floor_is=FLOOR_IS,
            aim="1.0 of the floor; below 0.6 is a defect",
            details=details(contestants),
        )
    ]
