"""The second set of people who write about the switch yard, written without knowledge of its reader."""

from __future__ import annotations

from bench.yard_phrasings import Writer
from bench.yard_second_orders import SECOND_JOINS, SECOND_ORDERS
from bench.yard_second_questions import SECOND_QUESTIONS
from bench.yard_second_states import SECOND_LOWERCASE, SECOND_STATES

__all__ = ["SECOND"]

SECOND = Writer(
    states=SECOND_STATES,
    orders=SECOND_ORDERS,
    joins=SECOND_JOINS,
    questions=SECOND_QUESTIONS,
    lowercase=SECOND_LOWERCASE,
    track_words={"track": "tracks", "siding": "sidings", "line": "lines", "lane": "lanes", "rail": "rails"},
    wagon_words={
        "wagon": "wagons",
        "car": "cars",
        "carriage": "carriages",
        "boxcar": "boxcars",
        "railcar": "railcars",
        "unit": "units",
    },
)
