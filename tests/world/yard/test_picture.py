import re

from router.world.yard.picture import draw, draw_steps
from router.world.yard.reading import read
from router.world.yard.state import Yard

YARD = Yard(("AD", "", "BCEF", ""))


def test_four_tracks_run_from_the_buffer_stop_to_one_switch():
    assert draw(YARD) == (
        "1 ╞─[A]─[D]─────────╮\n2 ╞─────────────────┼──\n3 ╞─[B]─[C]─[E]─[F]─┤\n4 ╞─────────────────╯"
    )


def test_a_terminal_without_line_drawing_gets_ascii():
    picture = draw(YARD, ascii_only=True)
    assert picture.isascii()
    assert picture.splitlines()[0] == "1 |-[A]-[D]---------\\"


def test_colour_changes_nothing_but_the_colour():
    coloured = draw(YARD, colour=True)
    assert "\x1b[" in coloured
    assert re.sub(r"\x1b\[[\d;]*m", "", coloured) == draw(YARD)


def test_a_picture_can_be_asked_about_again():
    for ascii_only in (False, True):
        assert read(draw(YARD, ascii_only=ascii_only)).yard == YARD


def test_steps_stand_side_by_side_while_the_width_allows_and_below_each_other_after():
    steps = [(f"step {number}", YARD) for number in range(3)]
    wide = draw_steps(steps, width=80)
    assert len(wide.splitlines()) == 5
    assert max(map(len, wide.splitlines())) <= 80
    narrow = draw_steps(steps, width=60)
    assert [line.split() for line in narrow.splitlines() if "step" in line] == [
        ["step", "0", "step", "1"],
        ["step", "2"],
    ]
    assert draw_steps(steps, width=1).count("step") == 3
    assert draw_steps([]) == ""


def test_colour_does_not_shift_the_columns():
    steps = [("before", YARD), ("after", Yard(("A", "D", "BCEF", "")))]
    plain = re.sub(r"\x1b\[[\d;]*m", "", draw_steps(steps, colour=True))
    assert plain == draw_steps(steps)
