from router.world.yard.search import shortest
from router.world.yard.state import MOVES, Yard


def every_distance(start: Yard) -> dict[Yard, int]:
    """Plain breadth-first search from one side."""
    distance = {start: 0}
    edge = [start]
    while edge:
        after = [yard.after(move) for yard in edge for move in MOVES if yard.forbids(move) is None]
        nearer = distance[edge[0]]
        edge = [yard for yard in dict.fromkeys(after) if yard not in distance]
        distance.update(dict.fromkeys(edge, nearer + 1))
    return distance


def test_a_shortest_way_is_as_long_as_plain_search_says_and_leads_there():
    start = Yard(("AB", "C", "", ""))
    distances = every_distance(start)
    assert len(distances) == 120
    for goal, distance in distances.items():
        way = shortest(start, goal)
        assert way is not None
        assert len(way) == distance
        yard = start
        for move in way:
            yard = yard.after(move)
        assert yard == goal


def test_other_wagons_are_never_reached_and_a_limit_holds():
    assert shortest(Yard(("A", "", "", "")), Yard(("B", "", "", ""))) is None
    start, goal = Yard(("AB", "", "", "")), Yard(("BA", "", "", ""))
    assert len(shortest(start, goal) or ()) == 4
    assert shortest(start, goal, limit=3) is None
    assert shortest(start, start, limit=0) == ()
