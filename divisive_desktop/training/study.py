"""A comparison of methods: every method with every seed on one data set, from one TOML file, resumable run by run.

```toml
name = "chest-planted"
task = "chest-planted"
methods = ["cross_entropy", "cyborg", "difference"]
seeds = [0, 1, 2]
border = ["val", "test_open"]      # splits on which the border-only control is measured
compare = "difference"             # paired with every other method
hide = "top"                       # optional: a ceiling, trained and tested without what lies at the top
by = "kind"                        # optional: AUROC by this column's values, against all of class 0
[settings]                         # anything in training.settings.Settings
lr = 1e-3
```

All methods of a seed start from the same weights and see the same batches of the same augmented copies. Several
processes may work on one output folder: each claims the runs that it does.
"""

from __future__ import annotations

import json
import os
import time
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from divisive_desktop.errors import TrainingError, in_words
from divisive_desktop.foreign.files import read_settings as text_of
from divisive_desktop.networks.network import Network
from divisive_desktop.networks.pretrained import pretrained_network
from divisive_desktop.training import scores
from divisive_desktop.training.augment import hide_top, keep_border
from divisive_desktop.training.checking import check_data
from divisive_desktop.training.checkpoint import load_kept
from divisive_desktop.training.dataset import Example, read_index
from divisive_desktop.training.evaluate import Predictions, agreement, predict, predict_cached
from divisive_desktop.training.finetune import TrainResult, finetune
from divisive_desktop.training.losses import REGISTRY
from divisive_desktop.training.settings import CancelCheck, ProgressCallback, Settings
from divisive_desktop.training.shipping import mean_cam_picture
from divisive_desktop.training.trunk_features import Change, compute_features

_CHANGES: Mapping[str, Change] = {"top": hide_top}


@dataclass(frozen=True)
class Study:
    """What a study's TOML file says."""

    name: str
    task: str
    methods: tuple[str, ...]
    seeds: tuple[int, ...]
    settings: Settings = field(default_factory=Settings)
    border: tuple[str, ...] = ()
    compare: str = ""
    by: str = ""
    notes: str = ""
    hide: str = ""
    """``top``: every image, in training and in tests, loses its upper part; the ceiling without the shortcut."""

    @property
    def change(self) -> Change | None:
        return _CHANGES[self.hide] if self.hide else None

    @classmethod
    def read(cls, path: Path) -> Study:
        """Read a study file.

        Raises
        ------
        TrainingError
            It can't be read, lacks something, or names a method that doesn't exist.
        """
        remedy = "Compare it with the studies in models/studies."
        try:
            raw = tomllib.loads(text_of(path))
            settings = Settings.from_dict({**raw.pop("settings", {}), "task": raw["task"]})
            values: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in raw.items()}
            study = cls(settings=settings, **values)
        except (OSError, TypeError, KeyError, UnicodeDecodeError, tomllib.TOMLDecodeError) as e:
            raise TrainingError(f"The study {path} can't be read: {in_words(e)}.", remedy) from e
        unknown = set(study.methods) - set(REGISTRY)
        if unknown:
            raise TrainingError(f"The study names unknown methods: {', '.join(sorted(unknown))}.", remedy)
        if study.hide not in ("", *_CHANGES) or (study.hide and study.border):
            raise TrainingError(f"The study can't hide {study.hide!r}, or not with a border control.", remedy)
        return study


def run_study(
    study: Study, data: Path, out: Path, *, progress: ProgressCallback | None = None,
    cancelled: CancelCheck | None = None, say: Callable[[str], None] = print,
) -> dict[str, Any]:
    """Do every run that isn't done yet, then write ``results.json``, ``results.md`` and the figures.

    Returns
    -------
    dict
        The content of ``results.json``. Runs that another process has claimed are missing from it.
    """
    spread((0.0, 1.0))  # where SciPy is missing this fails now, not after the last run
    examples = read_index(data, say=say)
    check_data(examples, say)
    wanted = [(m, s) for s in study.seeds for m in study.methods]
    for number, (method, seed) in enumerate(wanted):
        folder = out / "runs" / f"{method}-{seed}"
        if (folder / "result.json").is_file() or not _claim(folder):
            continue
        say(f"Run {number + 1} of {len(wanted)}: {method}, seed {seed}")
        settings = replace(study.settings, method=method, seed=seed)
        start = time.monotonic()
        result = finetune(
            settings, examples, folder, features_folder=out / "features", change=study.change, progress=progress,
            cancelled=cancelled,
        )
        _measure(study, result, examples, folder, out / "features", time.monotonic() - start)
        (folder / "claim").unlink()
    return summarise(study, out)


def finished_run(study: Study, run: Path) -> tuple[Settings, Network, dict[str, Any]]:
    """What is needed to make a model of a study's run: its settings, its network in eval mode, notes for the card.

    Raises
    ------
    TrainingError
        It isn't a finished run of this study, or one that collapsed.
    """
    remedy = "Choose a folder OUT/runs/METHOD-SEED of the study's output."
    try:
        result = json.loads((run / "result.json").read_text(encoding="utf-8"))
        settings = Settings.from_dict(result["settings"])
        collapsed, kept, seconds = bool(result.get("collapsed")), int(result["kept_epoch"]), float(result["seconds"])
        history = list(result["history"])
    except (OSError, ValueError, KeyError, TypeError) as e:
        raise TrainingError(f"{run} is no finished run: {in_words(e)}.", remedy) from e
    if settings != replace(study.settings, method=settings.method, seed=settings.seed):
        raise TrainingError(f"{run} was done with other settings than the study {study.name} states.", remedy)
    if collapsed:
        raise TrainingError(f"The run in {run} collapsed: it gives every image the same answer.", "Choose another run.")
    notes = {"study": study.name, "history": history, "kept_epoch": kept, "seconds": round(seconds)}
    network = pretrained_network(settings.backbone, dilate_last=settings.dilate_last, seed=settings.seed)
    network.freeze_up_to(settings.cut)
    load_kept(run, network)
    return settings, network.eval(), notes


def _claim(folder: Path) -> bool:
    """Take a run, unless a process that is still alive has it."""
    folder.mkdir(parents=True, exist_ok=True)
    claim = folder / "claim"
    if claim.exists():
        try:
            os.kill(int(claim.read_text() or 0) or -1, 0)
            return False
        except (ProcessLookupError, ValueError, OSError):
            claim.unlink(missing_ok=True)
    try:
        with claim.open("x") as handle:
            handle.write(str(os.getpid()))
    except FileExistsError:
        return False
    return True


def _answers(
    result: TrainResult, members: Sequence[Example], features: Path, change: Change | None
) -> Predictions:
    s = result.settings
    if s.cached and s.cut is not None:
        start = pretrained_network(s.backbone, dilate_last=s.dilate_last, seed=0)
        cached = compute_features(start, members, s.cut, s.preprocessing, folder=features, change=change)
        return predict_cached(result.network, cached, s.cut, members)
    return predict(result.network, members, s.preprocessing, change=change)


def _measure(
    study: Study, result: TrainResult, examples: Sequence[Example], folder: Path, features: Path, seconds: float
) -> None:
    splits: dict[str, Any] = {}
    arrays: dict[str, Any] = {}
    picture = b""
    for split in ["val", *sorted({e.split for e in examples} - {"train", "val"})]:
        members = [e for e in examples if e.split == split]
        p = _answers(result, members, features, study.change)
        splits[split] = {"auroc": scores.auroc(p.labels, p.margins), "auprc": scores.auprc(p.labels, p.margins),
                         **scores.threshold_scores(p.labels, p.margins), "agreement": agreement(p)}
        if study.by:
            splits[split]["by"] = _by(p, study.by)
        if split in study.border:
            b = _answers(result, members, features, keep_border)
            splits[split]["border_only"] = scores.auroc(b.labels, b.margins)
        arrays[f"{split}.margins"] = p.margins
        if split == "test" or (split.startswith("test") and not picture):
            picture = mean_cam_picture(p)
    np.savez(folder / "margins.npz", **arrays)
    (folder / "mean_cams.png").write_bytes(picture)
    content = {
        "method": result.settings.method, "seed": result.settings.seed, "seconds": round(seconds, 1),
        "kept_epoch": result.kept_epoch, "collapsed": result.collapsed, "head_cosine": result.network.head_cosine(),
        "splits": splits, "history": result.history, "settings": result.settings.to_dict(),
    }
    part = folder / "result.part"
    part.write_text(json.dumps(content, indent=1), encoding="utf-8")
    os.replace(part, folder / "result.json")
    for state in folder.glob("*-state.safetensors"):
        state.unlink()  # the optimiser's state: large, and of no more use


def _by(p: Predictions, column: str) -> dict[str, float]:
    values = np.array([e.fields.get(column, "") for e in p.examples])
    kinds = sorted(set(values[p.labels == 1]))
    return {str(k): scores.auroc(p.labels[keep], p.margins[keep])
            for k in kinds if (keep := (p.labels == 0) | (values == k)).any()}


def summarise(study: Study, out: Path) -> dict[str, Any]:
    """Gather the runs done so far into ``results.json``, ``results.md`` and ``auroc.png``."""
    from divisive_desktop.training.tables import auroc_figure, cam_figure, results_markdown

    runs = [json.loads(f.read_text(encoding="utf-8")) for f in sorted(out.glob("runs/*/result.json"))]
    runs = [r for r in runs if r["method"] in study.methods and r["seed"] in study.seeds]
    summary: dict[str, Any] = {
        "study": study.name, "task": study.task, "notes": study.notes, "runs": len(runs),
        "wanted": len(study.methods) * len(study.seeds),
        "methods": {m: _method(m, [r for r in runs if r["method"] == m]) for m in study.methods
                    if any(r["method"] == m for r in runs)},
        "settings": study.settings.to_dict(),
    }
    if study.compare:
        summary["compared"] = {"method": study.compare, "with": _compared(study.compare, runs)}
    done = {r["method"] for r in runs}
    summary["twins"] = {
        m: {"twin": twin, "figures": found} for m in study.methods if (twin := REGISTRY[m].twin) in done and m in done
        and (found := _paired(m, twin, runs, ("auroc", "border_only", "positives/energy", "positives/pointing")))
    }
    (out / "results.json").write_text(json.dumps(summary, indent=1), encoding="utf-8")
    if runs:
        (out / "results.md").write_text(results_markdown(summary), encoding="utf-8")
        (out / "auroc.png").write_bytes(auroc_figure(summary))
        pictures = {m: out / "runs" / f"{m}-{study.seeds[0]}" / "mean_cams.png" for m in study.methods}
        cams = cam_figure({m: p.read_bytes() for m, p in pictures.items() if p.is_file()})
        if cams:
            (out / "mean_cams.png").write_bytes(cams)
    return summary


def _flat(run: Mapping[str, Any]) -> dict[str, float]:
    """The figures of one run under short names: ``split/auroc``, ``split/positives/energy`` …"""
    found: dict[str, float] = {"head_cosine": run["head_cosine"], "seconds": run["seconds"]}
    for split, figures in run["splits"].items():
        for name in ("auroc", "auprc", "accuracy", "sensitivity", "specificity", "border_only"):
            if name in figures:
                found[f"{split}/{name}"] = figures[name]
        for who, values in figures["agreement"].items():
            for name in ("energy", "pointing", "iou", "chance"):
                found[f"{split}/{who}/{name}"] = values[name]
        for kind, value in figures.get("by", {}).items():
            found[f"{split}/by/{kind}"] = value
    return found


def spread(values: Sequence[float]) -> dict[str, Any]:
    """Mean, standard deviation, and the 95 % t interval of the mean over seeds (None with fewer than two)."""
    try:
        from scipy.stats import t as student
    except ImportError as e:  # the packaged program leaves it out
        raise TrainingError(
            "Studies need SciPy, which isn't installed here.",
            'Install it with: pip install "divisive-desktop[studies]".',
        ) from e
    v = np.asarray(values, np.float64)
    n = len(v)
    sd = float(v.std(ddof=1)) if n > 1 else None
    half = float(student.ppf(0.975, n - 1) * v.std(ddof=1) / np.sqrt(n)) if n > 1 else None
    mean = float(v.mean())
    return {"mean": mean, "sd": sd, "low": None if half is None else mean - half,
            "high": None if half is None else mean + half, "n": n}


def _method(method: str, runs: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    flat = [_flat(r) for r in runs]
    names = sorted(set.intersection(*(set(f) for f in flat)))
    return {"seeds": [r["seed"] for r in runs], "collapsed": [r["seed"] for r in runs if r.get("collapsed")],
            "uses_false": REGISTRY[method].uses_false,
            "figures": {n: spread([f[n] for f in flat]) for n in names}}


def _compared(method: str, runs: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Differences of AUROC to ``method``, paired by seed."""
    others = sorted({r["method"] for r in runs} - {method})
    return {other: found for other in others if (found := _paired(method, other, runs, ("auroc",)))}


def _paired(
    method: str, other: str, runs: Sequence[Mapping[str, Any]], wanted: tuple[str, ...]
) -> dict[str, dict[str, Any]]:
    """``method`` minus ``other``, paired by seed, in the figures whose names end like this; empty without pairs."""
    own, theirs = ({r["seed"]: _flat(r) for r in runs if r["method"] == m} for m in (method, other))
    seeds = sorted(set(own) & set(theirs))
    if not seeds:
        return {}
    names = [n for n in own[seeds[0]] if n.endswith(tuple(f"/{w}" for w in wanted))]
    return {n: spread([own[s][n] - theirs[s][n] for s in seeds]) for n in names}
