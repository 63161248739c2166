"""The binary questions that the program knows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal["radiograph", "photograph", "iris"]


@dataclass(frozen=True)
class Task:
    """A binary question. Class 0 is the negative, class 1 the positive answer."""

    id: str
    question: str
    classes: tuple[str, str]
    kind: Kind
    """The images it is asked of."""
    flips_allowed: bool
    """Mirroring left and right keeps the label: false for chests, where the heart has its side."""
    colour: Literal["grey", "rgb"]
    mask_meaning: tuple[str, str]
    """What a saliency mask marks on images of class 0 and of class 1."""
    instrument: bool = False
    """Made to measure methods with, not to answer questions about real images."""
    short: str = ""
    """The question where there is no room for it; '' where it is short."""


TASKS: tuple[Task, ...] = (
    Task(
        "chest-cardiomegaly",
        "Is the heart wider than half of the chest (cardiothoracic ratio above 0.50)?",
        ("ratio up to 0.50", "ratio above 0.50"),
        "radiograph",
        False,
        "grey",
        ("the heart", "the heart"),
        short="Heart wider than half the chest?",
    ),
    Task(
        "chest-opacity",
        "Does this chest radiograph show a lung opacity?",
        ("no opacity", "opacity"),
        "radiograph",
        False,
        "grey",
        ("where a reader looks: the lung fields", "the opacities"),
        short="Lung opacity?",
    ),
    Task(
        "iris-attack",
        "Is this picture of an iris a presentation attack?",
        ("bona fide", "attack"),
        "iris",
        True,
        "grey",
        ("where an examiner looks: the visible iris", "what was presented in place of the iris"),
        short="Presentation attack?",
    ),
    Task(
        "face-manipulation",
        "Was this photograph of a face manipulated?",
        ("authentic", "manipulated"),
        "photograph",
        True,
        "rgb",
        ("where an examiner looks: the face", "the manipulated region"),
        short="Face manipulated?",
    ),
    Task(
        "face-synthetic",
        "Is this face synthetic?",
        ("authentic", "synthetic"),
        "photograph",
        True,
        "rgb",
        ("where an examiner looks: the face", "the face"),
    ),
    Task(
        "chest-planted",
        "Was an anomaly planted into this chest radiograph?",
        ("nothing planted", "planted anomaly"),
        "radiograph",
        False,
        "grey",
        ("where a reader looks: the lung fields", "the planted anomaly"),
        instrument=True,
        short="Anomaly planted?",
    ),
    # Its models left with version 0.2.0; casebooks hold its answers, and the user may have models of his own.
    Task(
        "chest-xray",
        "Does this chest radiograph show an abnormality?",
        ("no finding", "abnormal"),
        "radiograph",
        False,
        "grey",
        ("where a reader looks: the lung fields", "the finding, or the lungs where it isn't outlined"),
        short="Abnormality?",
    ),
)
"""All tasks; the first one of a kind that a model is installed for is the one asked by default."""


def task(task_id: str) -> Task:
    """The task of this id.

    Raises
    ------
    KeyError
        There is none.
    """
    for known in TASKS:
        if known.id == task_id:
            return known
    raise KeyError(f"unknown task {task_id!r}; known are {', '.join(t.id for t in TASKS)}")


def question_of(task_id: str) -> str:
    """What a task asks; of a task that this program doesn't know, its id."""
    return next((known.question for known in TASKS if known.id == task_id), task_id)


def short_of(task_id: str) -> str:
    """What a task asks in a few words; '' where nobody shortened it."""
    return next((known.short for known in TASKS if known.id == task_id), "")


def kind_of(task_id: str) -> str:
    """The kind of image that a task is asked of; '' for a task that this version doesn't know."""
    return next((t.kind for t in TASKS if t.id == task_id), "")


def default_task(kind: Kind) -> Task:
    """What is asked of an image of this kind unless the user chooses."""
    return next(t for t in TASKS if t.kind == kind)
