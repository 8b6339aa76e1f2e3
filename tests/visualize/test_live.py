"""Curves that follow a run: one picture, replaced; nothing where nobody looks on."""

from fommvg_lib.files import write_text
from fommvg_lib.visualize import LivePlot, live


class Display:
    """Stands for the notebook's front end."""

    def __init__(self):
        self.shown, self.replaced = 0, 0

    def __call__(self, picture, display_id):
        self.shown += 1
        return self

    def update(self, picture):
        self.replaced += 1


def write_losses(folder):
    write_text(folder / "losses.csv", "step,seconds,fit\n1,0.1,2\n2,0.2,1\n")
    return folder


def test_one_picture_is_shown_and_then_replaced(tmp_path, monkeypatch):
    display = Display()
    monkeypatch.setattr(live, "has_front_end", lambda: True)
    monkeypatch.setattr("IPython.display.display", display)
    plot = LivePlot(every=0.0)
    for _ in range(4):
        plot(write_losses(tmp_path))
    assert (display.shown, display.replaced) == (1, 3)


def test_rows_that_come_quickly_give_one_picture(tmp_path, monkeypatch):
    display = Display()
    monkeypatch.setattr(live, "has_front_end", lambda: True)
    monkeypatch.setattr("IPython.display.display", display)
    plot = LivePlot(every=3600.0)
    for _ in range(4):
        plot(write_losses(tmp_path))
    assert (display.shown, display.replaced) == (1, 0)


def test_papermill_sees_nothing(tmp_path, monkeypatch):
    display = Display()
    monkeypatch.setattr("IPython.display.display", display)
    LivePlot(every=0.0)(tmp_path)  # not even the file is read
    assert display.shown == 0
