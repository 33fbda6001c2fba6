"""A line per stage: what it says, and how often."""

import io

import pytest
from rich.console import Console

from tfxdr.training import progress as progress_module
from tfxdr.training.progress import Progress


@pytest.fixture
def clock(monkeypatch):
    """Seconds that only a test moves."""

    class Clock:
        now = 100.0

        def monotonic(self):
            return self.now

    clock = Clock()
    monkeypatch.setattr(progress_module, "time", clock)
    return clock


def follow(progress, done=0, epochs=4, steps=20):
    return progress.stage(
        "finetune", epochs=epochs, steps=steps, done=done, monitor="hr@5"
    )


def plain():
    text = io.StringIO()
    return Progress(Console(file=text, width=100, soft_wrap=True)), text


def read_loss():
    return 0.5


def test_a_short_stage_says_nothing_until_it_ends(clock):
    progress, text = plain()
    with follow(progress) as line:
        for epoch in (1, 2):
            for _ in range(20):
                clock.now += 0.1
                line.advance(read_loss)
            line.epoch_done(epoch, {"loss": 0.4, "hr@5": 0.25})
    assert text.getvalue() == ""


def test_a_long_stage_says_how_it_stands_every_half_minute(clock):
    progress, text = plain()
    with follow(progress) as line:
        for epoch in (1, 2, 3, 4):
            for _ in range(20):
                clock.now += 1.0
                line.advance(read_loss)
            line.epoch_done(epoch, {"loss": 0.4, "hr@5": 0.25})
    lines = text.getvalue().splitlines()
    assert lines == [
        "finetune: epoch 2/4, 1.0 steps/s, loss 0.5000, hr@5 0.2500, "
        "40 s left at most",
        "finetune: epoch 4/4, 1.0 steps/s, loss 0.5000, hr@5 0.2500, "
        "0 s left at most",
    ]


def test_a_resumed_stage_counts_its_rate_from_where_it_goes_on(clock):
    progress, text = plain()
    with follow(progress, done=50) as line:
        for _ in range(10):
            clock.now += 4.0
            line.advance(read_loss)
    assert text.getvalue() == (
        "finetune: epoch 3/4, 0.2 steps/s, loss 0.5000, 80 s left at most\n"
    )


def test_losses_are_read_only_when_they_may_be_shown(clock):
    read = []
    progress, _ = plain()
    with follow(progress) as line:
        for _ in range(20):
            line.advance(lambda: read.append(None) or 0.5)
    assert len(read) == 2


def test_an_epoch_that_a_callback_ended_counts_whole(clock):
    progress, _ = plain()
    with follow(progress) as line:
        line.advance(read_loss)
        line.epoch_done(1, {"loss": 0.4})
        assert line.done == 20
        assert line.state.startswith("epoch 1/4")
        assert "hr@5" not in line.state


def test_what_is_said_commands_no_terminal():
    text = io.StringIO()
    Progress(Console(file=text, width=100)).say("such as a\x1b[2Jb\x9b\nand c")
    assert text.getvalue() == "such as a\\x1b[2Jb\\x9b\nand c\n"


def test_a_terminal_shows_one_line_and_takes_it_away():
    text = io.StringIO()
    console = Console(file=text, width=100, force_terminal=True)
    with follow(Progress(console)) as line:
        for _ in range(20):
            line.advance(read_loss)
        line.epoch_done(1, {"loss": 0.4, "hr@5": 0.25})
    shown = text.getvalue()
    assert "finetune" in shown and "loss 0.4000, hr@5 0.2500" in shown
    # Nothing but control codes, which erase it, after the last line.
    assert "finetune" not in shown.rpartition("\x1b[2K")[2]
    assert shown.count("\n") <= 1
