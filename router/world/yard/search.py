"""Exact distances in the yard by breadth-first search from both ends: the truth that plans are measured against."""

from __future__ import annotations

from router.world.yard.state import MOVES, Move, Yard

__all__ = ["shortest"]

Tracks = tuple[str, ...]
Came = dict[Tracks, tuple[Tracks, Move] | None]
"""How each state was reached: from which one, and by the move that leads on from the start towards the goal."""


def shortest(start: Yard, goal: Yard, limit: int = 64) -> tuple[Move, ...] | None:
    """One of the shortest ways; None when the goal cannot be reached, or not in `limit` moves."""
    if start.wagons != goal.wagons:
        return None
    behind: Came = {start.tracks: None}
    ahead: Came = {goal.tracks: None}
    edges = ([start.tracks], [goal.tracks])
    for _ in range(limit + 1):
        if (
            met := next((tracks for tracks in edges[0] + edges[1] if tracks in behind and tracks in ahead), None)
        ) is not None:
            return _way(met, behind, ahead)
        forward = len(edges[0]) <= len(edges[1])
        edge, came = (edges[0], behind) if forward else (edges[1], ahead)
        reached = _around(edge, came, forward)
        if not reached:
            return None
        edges = (reached, edges[1]) if forward else (edges[0], reached)
    return None


def _around(edge: list[Tracks], came: Came, forward: bool) -> list[Tracks]:
    reached = []
    for tracks in edge:
        yard = Yard(tracks)
        for move in MOVES:
            if yard.forbids(move) is not None:
                continue
            after = yard.after(move).tracks
            if after not in came:
                came[after] = (tracks, move if forward else Move(move.target, move.source))
                reached.append(after)
    return reached


def _way(met: Tracks, behind: Came, ahead: Came) -> tuple[Move, ...]:
    first: list[Move] = []
    at = met
    while (step := behind[at]) is not None:
        at, move = step
        first.append(move)
    last: list[Move] = []
    at = met
    while (step := ahead[at]) is not None:
        at, move = step
        last.append(move)
    return (*reversed(first), *last)
