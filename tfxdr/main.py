"""The command line: `python -m tfxdr.main`.

Parses options, loads plugins, and runs one mode. TensorFlow is imported only
by the modes that need it, so that help and wrong flags answer at once.
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from tfxdr import options as option_module
from tfxdr import plugins
from tfxdr.errors import InputError, TrainingError
from tfxdr.options import Options

if TYPE_CHECKING:
    from tfxdr.experiment import Experiment
    from tfxdr.report.table import Row

DONE, BAD_INPUT, FAILED, INTERRUPTED = 0, 1, 2, 130


def main(argv: Sequence[str] | None = None) -> int:
    """Runs a command line; returns the exit code.

    0 done, 1 bad usage or input, 2 training failed, 130 interrupted.
    """
    argv = sys.argv if argv is None else argv
    text = option_module.requested_help(argv)
    if text is not None:
        print(text)
        return DONE
    try:
        _dispatch(_options(argv))
    except InputError as error:
        return _fail(error, BAD_INPUT)
    except TrainingError as error:
        return _fail(error, FAILED)
    except MemoryError:
        return _fail("out of memory; lower --batch_size", FAILED)
    except OSError as error:
        return _fail(f"{error.filename}: {error.strerror}", BAD_INPUT)
    except KeyboardInterrupt:
        print("interrupted; go on with --resume", file=sys.stderr)
        return INTERRUPTED
    return DONE


def _fail(error: Exception | str, code: int) -> int:
    print(f"error: {error}", file=sys.stderr)
    return code


def _options(argv: Sequence[str]) -> Options:
    """The options; those of an earlier run come first where one is named."""
    options = option_module.parse(argv)
    run = options.run
    if run.run and (run.resume or run.mode in ("evaluate", "recommend")):
        flags = Path(run.run) / "options.flags"
        if flags.is_file():
            argv = [argv[0], f"--flagfile={flags}", *argv[1:]]
            return option_module.parse(argv)
    return options


def _dispatch(options: Options) -> None:
    plugins.load_plugins(options.run.plugins)
    _MODES[options.run.mode](options)


def _list(options: Options) -> None:
    del options
    _import_components()
    print(plugins.list_text())


def _prepare(options: Options) -> None:
    experiment = make_experiment(options)
    _describe(experiment)
    print(f"prepared data: {experiment.data.folder}")


def _pretrain(options: Options) -> None:
    from tfxdr.training.run_folder import RunFolder

    experiment = make_experiment(options)
    _describe(experiment)
    folder = RunFolder(_folder(options, "pretrain"))
    run = options.run
    folder.start(
        options.to_flagfile(), resume=run.resume, overwrite=run.overwrite
    )
    pretrained = experiment.pretrain(folder.path)
    folder.finish({"pretrain": pretrained.metrics})
    for key, value in pretrained.metrics.items():
        print(f"{key:<16}{value:.4f}")
    print(f"pre-trained backbone: {pretrained.folder}")


def _run(options: Options) -> None:
    from tfxdr.registry import policies, split_specs

    experiment = make_experiment(options)
    specs = [policies.parse(s) for s in split_specs(options.model.policy)]
    _describe(experiment)
    rows = experiment.baseline_rows()
    base = _folder(options, "+".join(spec.name for spec in specs))
    for spec in specs:
        from tfxdr.experiment import folder_name

        path = base if len(specs) == 1 else base / folder_name(spec)
        alone = dataclasses.replace(
            options,
            model=dataclasses.replace(options.model, policy=str(spec)),
        )
        rows = [row for row in rows if row.name != str(spec)]
        rows.append(_run_one(experiment, alone, path))
    _show(experiment, rows, base)


def _run_one(experiment: Experiment, options: Options, path: Path) -> Row:
    from tfxdr.experiment import result_row
    from tfxdr.registry import policies
    from tfxdr.report.figures import (
        learning_curves,
        read_history,
        save_figure,
    )
    from tfxdr.training.run_folder import RunFolder

    folder = RunFolder(path)
    run = options.run
    folder.start(
        options.to_flagfile(), resume=run.resume, overwrite=run.overwrite
    )
    if folder.finished:
        experiment.progress.say(f"{path}: this run is finished already")
        return result_row(folder.read())
    experiment.progress.say(f"run: {path}")
    result = experiment.run(policies.parse(options.model.policy), folder)
    if (path / "history.csv").is_file():
        curves = learning_curves(
            read_history(path / "history.csv"),
            monitors={
                "pretrain": "validation_loss",
                "finetune": options.finetune.monitor,
            },
        )
        save_figure(curves, path / "learning_curves.png")
    return result_row(result)


def _evaluate(options: Options) -> None:
    from tfxdr.report.table import Row

    experiment, spec, scores = _trained(options)
    metrics = experiment.test(scores, None)
    rows = [*experiment.baseline_rows(), Row(str(spec), metrics)]
    _show(experiment, rows, None)


def _recommend(options: Options) -> None:
    from tfxdr.report.recommendations import print_recommendations
    from tfxdr.serving.recommender import Recommender

    chosen = options.recommend
    if bool(chosen.user) == bool(chosen.history):
        raise InputError(
            "--mode=recommend: expected --user=ID or --history=ID,ID,... "
            "(one of the two)"
        )
    experiment, _, scores = _trained(options)
    recommender = Recommender(experiment.data, scores)
    if chosen.user:
        items = recommender.for_user(chosen.user, chosen.k)
    else:
        items = recommender.for_history(chosen.history, chosen.k)
        for raw in recommender.unknown(chosen.history):
            print(f"note: {raw} is not in the source vocabulary")
    print_recommendations(items)


def _trained(options: Options):
    from tfxdr.registry import policies
    from tfxdr.training.run_folder import RunFolder

    if not options.run.run:
        raise InputError(
            f"--mode={options.run.mode}: expected --run=FOLDER of a finished "
            "run"
        )
    folder = RunFolder(Path(options.run.run))
    folder.read()
    experiment = make_experiment(options)
    spec = policies.parse(options.model.policy)
    return experiment, spec, experiment.restore(spec, folder)


def make_experiment(options: Options) -> Experiment:
    """Imports TensorFlow, sets it up, and assembles the options."""
    _import_components()
    import tensorflow as tf

    from tfxdr.experiment import Experiment
    from tfxdr.training.progress import Progress

    threads = options.compute.threads
    if threads:
        tf.config.threading.set_intra_op_parallelism_threads(threads)
        tf.config.threading.set_inter_op_parallelism_threads(threads)
    tf.config.experimental.enable_op_determinism()
    return Experiment(options, Progress())


def _import_components() -> None:
    """Fills the registries."""
    with _captured_stderr():
        import tensorflow as tf

        tf.config.list_physical_devices()
    import tfxdr.backbones
    import tfxdr.data
    import tfxdr.ops.losses
    import tfxdr.policies
    import tfxdr.training.optimizers  # noqa: F401


@contextlib.contextmanager
def _captured_stderr() -> Iterator[None]:
    """Holds back what C++ code writes, and shows it only after a failure.

    TensorFlow prints a page about the machine when it starts, whatever
    TF_CPP_MIN_LOG_LEVEL says (2.21).
    """
    sys.stderr.flush()
    kept = os.dup(2)
    with tempfile.TemporaryFile() as captured:
        os.dup2(captured.fileno(), 2)
        try:
            yield
        except BaseException:
            captured.seek(0)
            os.write(kept, captured.read())
            raise
        finally:
            os.dup2(kept, 2)
            os.close(kept)


def _describe(experiment: Experiment) -> None:
    from tfxdr.data.summary import table1

    experiment.progress.say(table1(experiment.data.manifest))


def _folder(options: Options, policy: str) -> Path:
    from tfxdr.experiment import default_folder

    if options.run.run:
        return Path(options.run.run)
    return default_folder(options, policy)


def _show(
    experiment: Experiment, rows: Sequence[Row], folder: Path | None
) -> None:
    """Prints the metrics at the first cutoff; files hold all of them."""
    from tfxdr.files import write_text
    from tfxdr.report.table import print_table, to_csv, to_markdown

    first = f"@{experiment.options.evaluate.top_n[0]}"
    shown = [
        key for key in rows[-1].metrics if key.split("/")[0].endswith(first)
    ]
    print_table(rows, metrics=shown, title="\nranking of the test split")
    if folder is not None:
        write_text(folder / "results.md", to_markdown(rows))
        write_text(folder / "results.csv", to_csv(rows))
        print(f"results: {folder}")


_MODES = {
    "run": _run,
    "prepare": _prepare,
    "pretrain": _pretrain,
    "evaluate": _evaluate,
    "recommend": _recommend,
    "list": _list,
}

if __name__ == "__main__":
    sys.exit(main())
