"""The command line: `python -m tfxdr.main`.

Parses options, loads plugins, and runs one mode. TensorFlow is imported only
by the modes that need it, so that help and wrong flags answer at once.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import tempfile
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from tfxdr import options as option_module
from tfxdr import plugins
from tfxdr.errors import InputError, TrainingError
from tfxdr.option_groups import Run
from tfxdr.options import Options
from tfxdr.settings import settings_of

if TYPE_CHECKING:
    from tfxdr.experiment import Experiment
    from tfxdr.registry import Spec
    from tfxdr.report.table import Row
    from tfxdr.training.run_folder import RunFolder
    from tfxdr.types import Scorer

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
        with _interrupts():
            _dispatch(option_module.parse(argv, _earlier_flags))
    except InputError as error:
        return _fail(error, BAD_INPUT)
    except TrainingError as error:
        return _fail(error, FAILED)
    except BrokenPipeError:  # Whoever read us has seen enough.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except OSError as error:
        return _fail(error, BAD_INPUT)
    except KeyboardInterrupt:
        print("interrupted; go on with --resume", file=sys.stderr)
        return INTERRUPTED
    return DONE


@contextlib.contextmanager
def _interrupts() -> Iterator[None]:
    """Any failure after Ctrl-C is a KeyboardInterrupt.

    Python raises that wherever it stands, and a C++ library that called back
    into Python may make an error of its own of it.
    """
    came = False

    def interrupt(*_) -> None:
        nonlocal came
        came = True
        raise KeyboardInterrupt

    ours = signal.getsignal(signal.SIGINT) is signal.default_int_handler
    ours = ours and threading.current_thread() is threading.main_thread()
    if ours:
        signal.signal(signal.SIGINT, interrupt)
    try:
        yield
    except Exception as error:
        if came:
            raise KeyboardInterrupt from error
        raise
    finally:
        if ours:
            signal.signal(signal.SIGINT, signal.default_int_handler)


def _fail(error: Exception | str, code: int) -> int:
    print(f"error: {error}", file=sys.stderr)
    return code


def _earlier_flags(run: Run) -> Path | None:
    """The options of the run that `--run` names, if this goes on with it."""
    path = Path(run.run) / "options.flags"
    goes_on = run.resume or run.mode in ("evaluate", "recommend", "explain")
    return path if run.run and goes_on and path.is_file() else None


def _dispatch(options: Options) -> None:
    plugins.load_plugins(options.run.plugins)
    _import_components()
    _check_names(options)
    _MODES[options.run.mode](options)


def _list(options: Options) -> None:
    del options
    print(plugins.list_text())


def _check_names(options: Options) -> None:
    """Refuses what cannot be named, before anything is done."""
    from tfxdr.registry import (
        backbones,
        datasets,
        meta_learners,
        policies,
        policy_networks,
        tuners,
    )

    backbones.parse(options.model.backbone)
    policies.parse_list(options.model.policy)
    meta_learners.parse_list(options.joint.meta)
    policy_networks.parse(options.model.policy_network)
    tuners.parse(options.model.tuner)
    datasets.parse(options.data.dataset)


def _prepare(options: Options) -> None:
    experiment = make_experiment(options)
    _describe(experiment)
    print(f"prepared data: {experiment.data.folder}")


def _pretrain(options: Options) -> None:
    from tfxdr.training.run_folder import RunFolder
    from tfxdr.transfer import TransferExperiment

    experiment = make_experiment(options)
    if not isinstance(experiment, TransferExperiment):
        raise InputError(
            f"--mode=pretrain: expected a sequential backbone, found "
            f"--backbone={experiment.backbone}, whose domains are trained "
            "together; use --mode=run"
        )
    _describe(experiment)
    folder = RunFolder(_folder(options, "pretrain"))
    # Going on is right even unasked: the same options end the same way.
    _start(experiment, folder, resume=not options.run.overwrite)
    pretrained = experiment.pretrain(folder.path, resume=True)
    for key, value in pretrained.metrics.items():
        print(f"{key:<16}{value:.4f}")
    print(f"pre-trained backbone: {pretrained.folder}")


def _run(options: Options) -> None:
    from tfxdr.results import compare_actions, folder_name, result_row
    from tfxdr.training.run_folder import RunFolder

    experiment = make_experiment(options)
    specs = experiment.specs
    _describe(experiment)
    experiment.check(specs)
    base = RunFolder(_folder(options, "+".join(spec.name for spec in specs)))
    _start(experiment, base, resume=options.run.resume)
    rows = experiment.baseline_rows()
    results = []
    for spec in specs:
        alone = base
        if len(specs) > 1:
            alone = RunFolder(base.path / folder_name(spec))
        results.append(_run_one(experiment, spec, alone))
        rows = [row for row in rows if row.name != str(spec)]
        rows.append(result_row(str(spec), results[-1]))
    compare_actions(results, base.path)
    _show(experiment, rows, base.path)


def _run_one(experiment: Experiment, spec: Spec, folder: RunFolder) -> dict:
    flagfile = experiment.options_of(spec).to_flagfile()
    say = experiment.progress.say
    if not folder.flags.is_file():
        folder.start(flagfile, resume=False, overwrite=False, say=say)
    if folder.finished:
        say(f"{folder.path}: this run is finished already")
        return folder.read()
    say(f"run: {folder.path}")
    return experiment.run(spec, folder)


def _start(experiment: Experiment, folder: RunFolder, *, resume: bool) -> None:
    folder.start(
        experiment.options.to_flagfile(),
        resume=resume,
        overwrite=experiment.options.run.overwrite,
        say=experiment.progress.say,
    )


def _evaluate(options: Options) -> None:
    from tfxdr.report.table import Row

    experiment, folder = _finished(options)
    (spec,) = experiment.specs
    metrics = experiment.evaluate(spec, folder)
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
    if options.task.task == "profile":
        raise InputError(
            "--mode=recommend: expected a run that ranks items, found one of "
            f"--task=profile, which predicts {options.task.attribute}; see "
            "its predictions.npz"
        )
    experiment, _, scores = _trained(options)
    recommender = Recommender(experiment.data, scores, experiment.histories)
    if chosen.history and not experiment.reads_histories:
        raise InputError(
            f"--history: --backbone={experiment.backbone} knows users by "
            "their ids alone; ask for one by --user=ID"
        )
    if chosen.user:
        items = recommender.for_user(chosen.user, chosen.k)
    else:
        items = recommender.for_history(chosen.history, chosen.k)
        for raw in recommender.unknown(chosen.history):
            print(f"note: {raw} is not in the source vocabulary")
    print_recommendations(items)


def _explain(options: Options) -> None:
    from tfxdr.joint import JointExperiment
    from tfxdr.report.behaviors import print_behaviors

    experiment, folder = _finished(options)
    if not isinstance(experiment, JointExperiment):
        raise InputError(
            "--mode=explain: expected a run that weighs source behaviors "
            f"(--backbone=conet --meta=bip), found {folder.path}, one of "
            f"--backbone={experiment.backbone}"
        )
    if not options.recommend.user:
        raise InputError("--mode=explain: expected --user=ID")
    print_behaviors(
        *experiment.explain(folder, options.recommend.user, options.recommend.k)
    )


def _trained(options: Options) -> tuple[Experiment, Spec, Scorer]:
    experiment, folder = _finished(options)
    (spec,) = experiment.specs
    return experiment, spec, experiment.restore(spec, folder)


def _finished(options: Options) -> tuple[Experiment, RunFolder]:
    from tfxdr.training.run_folder import FREE, RunFolder

    why = f"--mode={options.run.mode}"
    if not options.run.run:
        raise InputError(f"{why}: expected --run=FOLDER of a finished run")
    folder = RunFolder(Path(options.run.run))
    folder.read()
    free = (*FREE, *settings_of(type(options.evaluate)))
    folder.check(options.to_flagfile(), free, why)
    return make_experiment(options), folder


def make_experiment(options: Options) -> Experiment:
    """Imports TensorFlow, sets it up, and assembles the options."""
    _import_components()
    import tensorflow as tf

    from tfxdr.joint import JointExperiment, is_joint
    from tfxdr.registry import backbones
    from tfxdr.training.progress import Progress
    from tfxdr.transfer import TransferExperiment

    threads = options.compute.threads
    if threads:
        tf.config.threading.set_intra_op_parallelism_threads(threads)
        tf.config.threading.set_inter_op_parallelism_threads(threads)
    tf.config.experimental.enable_op_determinism()
    if is_joint(backbones.parse(options.model.backbone)):
        return JointExperiment(options, Progress())
    return TransferExperiment(options, Progress())


def _import_components() -> None:
    """Fills the registries."""
    with _captured_stderr():
        import tensorflow as tf

        tf.config.list_physical_devices()
    import tfxdr.backbones
    import tfxdr.data
    import tfxdr.meta
    import tfxdr.ops.losses
    import tfxdr.policies
    import tfxdr.policy_networks
    import tfxdr.training.optimizers
    import tfxdr.tuners  # noqa: F401


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
    from tfxdr.results import default_folder

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
        key
        for key in rows[-1].metrics
        if "@" not in key or key.split("/")[0].endswith(first)
    ]
    print_table(
        rows,
        metrics=shown,
        title=f"\n{experiment.title}",
        name_title=experiment.kind.kind,
    )
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
    "explain": _explain,
    "list": _list,
}

if __name__ == "__main__":
    sys.exit(main())
