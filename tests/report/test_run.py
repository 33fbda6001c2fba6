"""A run's line in the results table."""

from tfxdr.report.run import result_row


def cost(**seconds):
    return {
        stage: {"seconds": value, "peak_bytes_so_far": 10 * value}
        for stage, value in seconds.items()
    }


def test_the_time_is_that_of_training_wherever_it_was_done():
    row = result_row(
        "all",
        [
            {
                "pretrain": {"seconds": 5.0},
                "validation": {"seconds": 2.0},
                "test": {"hr@5": 0.5},
                "cost": cost(pretrain=1, finetune=2, evaluate=3),
            }
        ],
    )
    assert (row.name, row.seconds, row.peak_bytes) == ("all", 7.0, 30)
    assert row.metrics == {"hr@5": 0.5}


def test_a_joint_run_is_not_fine_tuned():
    found = {
        "validation": {"seconds": 0.0},
        "test": {},
        "cost": cost(joint=4, evaluate=1),
    }
    row = result_row("bip", [found])
    assert (row.seconds, row.peak_bytes) == (0.0, 40)


def test_a_baseline_is_only_counted():
    row = result_row("popularity", [{"test": {}, "cost": cost(finetune=2)}])
    assert row.seconds == 2
