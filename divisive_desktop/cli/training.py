"""What the command line runs: train, evaluate, study. Plain functions that return an exit code and a text."""

from __future__ import annotations

import json
import time
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from divisive_desktop.errors import TrainingError
from divisive_desktop.library.card import Preprocessing
from divisive_desktop.library.store import GUARD, find_model, verified_bytes
from divisive_desktop.library.tasks import TASKS
from divisive_desktop.library.tasks import task as task_of
from divisive_desktop.networks.network import Network
from divisive_desktop.training.augment import TEXTURE, Augmentation
from divisive_desktop.training.dataset import Example, read_index
from divisive_desktop.training.settings import Settings, TrainProgress

Say = Callable[[str], None]


class Teller:
    """Turns progress into lines of text, one at most every few seconds; can be sent to other processes."""

    def __init__(self, say: Say = print, every_s: float = 5.0) -> None:
        self.say, self.every_s, self.told = say, every_s, 0.0

    def __call__(self, p: TrainProgress) -> None:
        now = time.monotonic()
        if not p.validation and p.stage != "notice" and now - self.told < self.every_s:
            return
        self.told = now
        text = f"{p.fraction:4.0%}  {p.text}"
        if p.loss is not None:
            text += f"  loss {p.loss:.3f} (classes {p.classification:.3f}, saliency {p.saliency:.3f})"
        if p.remaining_s is not None:
            text += f"  {p.remaining_s / 60:.0f} min left"
        self.say(text)


def default_settings(task: str) -> Settings:
    """Settings that suit a task: its colours, flips only where they keep the label, texture against shortcuts.

    Raises
    ------
    TrainingError
        There is no such task.
    """
    try:
        about = task_of(task)
    except KeyError as e:
        known = ", ".join(t.id for t in TASKS)
        raise TrainingError(f"There is no task called {task}.", f"Choose one of: {known}.") from e
    grey = about.colour == "grey"
    # A face's manipulation is a matter of texture: destroying it would take away what is to be learnt.
    texture = TEXTURE.texture if task == "chest-xray" else 0.0
    return Settings(
        task=task, lr=1e-3, batch=16, epochs=8,
        augmentation=Augmentation(flip=about.flips_allowed, texture=texture),
        preprocessing=Preprocessing(
            448, about.colour, 0.5 if grey else 0.0, 99.5 if grey else 100.0
        ),
    )


def read_settings(task: str, config: Path | None, changes: Mapping[str, Any]) -> Settings:
    """A task's defaults, changed by a TOML file and then by single values (None: not given).

    Raises
    ------
    TrainingError
        The file can't be read, or a name or value is wrong.
    """
    base = default_settings(task)
    raw: dict[str, Any] = base.to_dict()
    if config is not None:
        try:
            given = tomllib.loads(config.read_text(encoding="utf-8"))
        except (OSError, tomllib.TOMLDecodeError) as e:
            raise TrainingError(f"The settings {config} can't be read: {e}.", "Correct the file.") from e
        for name, value in given.items():
            raw[name] = {**raw[name], **value} if isinstance(value, dict) and isinstance(raw.get(name), dict) else value
    raw.update({name: value for name, value in changes.items() if value is not None})
    return Settings.from_dict(raw)


def train_command(
    *,
    task: str,
    data: Sequence[Path],
    out: Path,
    config: Path | None = None,
    changes: Mapping[str, Any] | None = None,
    parent: str | None = None,
    description: Path | None = None,
    open_sets: Mapping[str, Path] | None = None,
    default: bool = False,
    controls: bool = True,
    work: Path | None = None,
    features: Path | None = None,
    replace_existing: bool = False,
    say: Say = print,
) -> tuple[int, str]:
    """Train a model, measure it and write it to ``out`` (its name becomes the model's id).

    Parameters
    ----------
    data : sequence of Path
        Folders with ``index.csv``. Of all but the first only the split ``train`` is used: it is mixed in, without the
        patients or persons that the first holds out.
    config, changes
        See :func:`read_settings`.
    parent : str, optional
        Id of a model to start from.
    open_sets : mapping of str to Path, optional
        Further test data by name.
    work : Path, optional
        Checkpoints, so that an interrupted run goes on; default ``<out>.run`` beside ``out``. Kept afterwards.
    features : Path, optional
        Cached features shared between runs.

    Returns
    -------
    (int, str)
        0 and a summary.
    """
    from divisive_desktop.training.dataset import take
    from divisive_desktop.training.finetune import finetune
    from divisive_desktop.training.guard import add_guard, make_guard
    from divisive_desktop.training.shipping import Description, ship

    settings = read_settings(task, config, changes or {})
    examples = list(read_index(data[0]))
    for more in data[1:]:
        held_out = {e.group for e in examples if e.split != "train"}
        examples += [e for e in read_index(more) if e.split == "train" and e.group not in held_out]
    words = Description.read(description) if description else Description()
    others = {name: read_index(folder) for name, folder in (open_sets or {}).items()}
    start = load_network(parent)[0] if parent else None
    tell = Teller(say)
    result = finetune(
        settings, examples, work or out.with_name(f"{out.name}.run"), parent=start, features_folder=features,
        progress=tell,
    )
    stored = ship(
        out, result.network, settings, examples, model_id=out.name, description=words, open_sets=others,
        default=default, parent=parent, controls=controls, features=features, progress=tell,
        replace_existing=replace_existing,
        training={"history": result.history, "kept_epoch": result.kept_epoch, "seconds": round(result.seconds),
                  "images": {s: sum(e.split == s for e in examples) for s in ("train", "val")}},
    )
    # Of the network as it was stored, in float16: a guard set holds for exactly one frozen part.
    guard = make_guard(read_network(stored.folder)[0], take(examples, "val"), settings.preprocessing)
    add_guard(stored.folder, guard)
    return 0, f"{stored.card.id}: {stored.folder} ({stored.size / 1e6:.1f} MB)\n{summary(stored.card.metrics)}"


def guard_command(*, model: str, data: Path, split: str = "val", say: Say = print) -> tuple[int, str]:
    """Make the guard set of an installed model from its validation images, see :mod:`training.guard`."""
    from divisive_desktop.training.dataset import take
    from divisive_desktop.training.guard import add_guard, make_guard

    network, card = load_network(model)
    tell = Teller(say)

    def progress(done: int, total: int) -> None:
        tell(TrainProgress("features", done / total, f"Guard set: image {done} of {total}"))

    made = make_guard(network, take(read_index(data), split), card.preprocessing, progress=progress)
    folder = find_model(model).folder
    add_guard(folder, made)
    return 0, f"{folder / GUARD}: {len(made) / 1e6:.1f} MB"


def load_network(model_id: str) -> tuple[Network, Any]:
    """An installed model as a network that can be trained on, and its card.

    Raises
    ------
    ModelNotFoundError, ModelIntegrityError
    """
    return read_network(find_model(model_id).folder)


def read_network(folder: Path) -> tuple[Network, Any]:
    """The network of a model folder as it is stored, and its card.

    Raises
    ------
    ModelIntegrityError
    """
    import torch
    from safetensors.torch import load

    from divisive_desktop.networks.pretrained import load_weights

    card, data = verified_bytes(folder)
    with torch.device("meta"):
        network = Network(card.backbone, 2, bool(card.network.get("dilate_last", False)))
    load_weights(network, load(data))
    return network, card


def evaluate_command(
    *,
    model: str,
    data: Path,
    split: str | None = None,
    json_file: Path | None = None,
    border: bool = True,
    faithfulness: bool = False,
    device: str = "auto",
    say: Say = print,
) -> tuple[int, str]:
    """Measure an installed model on a data folder.

    Parameters
    ----------
    split : str, optional
        Only this one; None: every split but ``train``.
    json_file : Path, optional
        All figures as JSON; ``-`` prints them.
    border : bool
        Also the border-only control.
    faithfulness : bool
        Also deletion/insertion and the random head (slow).
    """
    from divisive_desktop.networks.analyse import pick_device
    from divisive_desktop.training import scores
    from divisive_desktop.training.dataset import take
    from divisive_desktop.training.evaluate import border_control, deletion_insertion, predict, randomised_head, report

    network, card = load_network(model)
    where = pick_device(device)
    examples = read_index(data)
    names = [split] if split else sorted({e.split for e in examples} - {"train"}) or ["train"]
    found: dict[str, Any] = {}
    for name in names:
        members: Sequence[Example] = take(examples, name)
        tell = Teller(say)

        def report_progress(done: int, total: int, name: str = name, tell: Teller = tell) -> None:
            tell(TrainProgress("evaluation", done / total, f"{name}: image {done} of {total}"))

        p = predict(network, members, card.preprocessing, device=where, progress=report_progress)
        found[name] = report(p, card.task)
        if border:
            blanked = border_control(network, members, card.preprocessing, device=where)
            found[name]["border_only_auroc"] = scores.auroc(blanked.labels, blanked.margins)
        if faithfulness:
            found[name]["faithfulness"] = deletion_insertion(network, members, card.preprocessing, p, device=where)
            found[name]["random_head_correlation"] = randomised_head(network, members, p, card.preprocessing, where)
    text = json.dumps({"model": card.id, "weights_sha256": card.weights_sha256, "splits": found}, indent=1)
    if json_file is not None and str(json_file) == "-":
        return 0, text
    if json_file is not None:
        json_file.write_text(text + "\n", encoding="utf-8")
    return 0, summary(found)


def study_command(
    *, config: Path, data: Path, out: Path, seeds: Sequence[int] | None = None, methods: Sequence[str] | None = None,
    say: Say = print,
) -> tuple[int, str]:
    """Run a study (or some of its seeds and methods) and write its tables to ``out``; see :mod:`training.study`."""
    from divisive_desktop.training.study import Study, run_study

    study = Study.read(config)
    study = replace(study, seeds=tuple(seeds or study.seeds), methods=tuple(methods or study.methods))
    found = run_study(study, data, out, progress=Teller(say, 15.0), say=say)
    return 0, f"{found['runs']} of {found['wanted']} runs done. Tables: {out / 'results.md'}"


def summary(metrics: Mapping[str, Any]) -> str:
    """One line per split: AUROC with interval, border-only control, energy of D inside the masks."""
    lines = []
    for name, m in metrics.items():
        if not isinstance(m, Mapping) or "auroc" not in m:
            continue
        number = [f"{v:.3f}" if isinstance(v, float) else "-" for v in (m["auroc"], *m["auroc_95"])]
        line = f"{name:16} AUROC {number[0]} [{number[1]}, {number[2]}]"
        line += f"  accuracy {m['accuracy']:.3f}  ECE {m['ece']:.3f}"
        if "border_only_auroc" in m:
            line += f"  border-only {m['border_only_auroc']:.3f}"
        if "all" in m.get("agreement", {}):
            a = m["agreement"]["all"]
            line += f"  energy of D in mask {a['energy']:.2f} (chance {a['chance']:.2f})"
        lines.append(line)
    return "\n".join(lines)
