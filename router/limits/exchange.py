"""What the ledgers of several Signalboxes have summed up, told to each other by Redis."""

from __future__ import annotations

from collections.abc import Mapping

import orjson

from router.accounts.tally import Sums
from router.limits.script import PREFIX
from router.limits.shared import SharedCounts

__all__ = ["LedgerExchange"]

SCRIPT = """
local found = {}
for number, key in ipairs(KEYS) do
  local own = cjson.decode(ARGV[number])
  for name, nano in pairs(own.sums) do
    if tonumber(nano) > tonumber(redis.call('HGET', key, name) or 0) then redis.call('HSET', key, name, nano) end
  end
  redis.call('EXPIRE', key, own.seconds)
  found[number] = redis.call('HGETALL', key)
end
return found
"""
"""A sum only grows within its period, so the largest that anybody told of a ledger is the latest."""
LATER = 86_400
"""Seconds that sums are kept after their period."""
BETWEEN = "\t"
"""Between the ledger's name and the alias, in a field's name."""


class LedgerExchange:
    """Fulfils `tally.Exchanged`. `name`: of this ledger."""

    def __init__(self, shared: SharedCounts, name: str):
        self._shared = shared
        self._own = name + BETWEEN

    async def swap(self, told: Mapping[str, tuple[float, Sums]]) -> dict[str, Sums] | None:
        """Tell the own sums, learn the others'."""
        keys = [f"{PREFIX}spent:{period}" for period in told]
        arguments = [
            orjson.dumps(
                {"seconds": int(left) + LATER, "sums": {self._own + key: str(nano) for key, nano in sums.items()}}
            ).decode()
            for left, sums in told.values()
        ]
        answers = await self._shared.run(SCRIPT, keys, arguments)
        if answers is None:
            return None
        return {period: self._others(answer) for period, answer in zip(told, answers, strict=True)}

    def _others(self, answer: list[bytes]) -> Sums:
        sums: Sums = {}
        fields = iter(answer)
        for field, nano in zip(fields, fields, strict=True):
            name = field.decode("utf-8", "replace")
            if not name.startswith(self._own):
                key = name.partition(BETWEEN)[2]
                sums[key] = sums.get(key, 0) + int(nano)
        return sums
