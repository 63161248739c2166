"""Every setting of the program in one table: where it is kept, what it may be, and what is said about it.

The dialog, the defaults, the checks and ``docs/settings.md`` come from here. A setting that the dialog offers has a
`Row`; the others are what the program remembers by itself.
"""

from __future__ import annotations

import copy
import json
import re
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Generic, Protocol, Self, TypeVar, overload

from PySide6.QtCore import QByteArray

from divisive_desktop import privacy
from divisive_desktop.foreign.parsing import read_json
from divisive_desktop.imaging import limits

T = TypeVar("T")

_MEGA = 1_000_000


# -- kinds of value -----------------------------------------------------------------------------------------


class Kind(ABC, Generic[T]):
    """How values of one kind are kept in the file, and which there are."""

    @abstractmethod
    def read(self, stored: object) -> T:
        """The value that ``stored`` stands for, as it came out of the file.

        Raises
        ------
        ValueError
            It stands for none.
        """

    @abstractmethod
    def write(self, value: T) -> object:
        """What is put into the file for a value."""

    @abstractmethod
    def allowed(self) -> str:
        """Which values there are, in words."""

    @abstractmethod
    def words(self, value: T) -> str:
        """A value as the user knows it."""


class Flag(Kind[bool]):
    """On or off."""

    def read(self, stored: object) -> bool:
        word = str(stored).lower()
        if word not in ("true", "false"):
            raise ValueError(f"neither true nor false: {word!r}")
        return word == "true"

    def write(self, value: bool) -> object:
        return "true" if value else "false"

    def allowed(self) -> str:
        return "on, off"

    def words(self, value: bool) -> str:
        return "on" if value else "off"


@dataclass(frozen=True)
class Text(Kind[str]):
    """Words; where there is a ``pattern`` (a regular expression), such as fit it as a whole."""

    meaning: str = "any text"
    pattern: str = ""

    def read(self, stored: object) -> str:
        if not isinstance(stored, str) or (self.pattern and not re.fullmatch(self.pattern, stored)):
            raise ValueError(f"not {self.meaning}: {stored!r}")
        return stored

    def write(self, value: str) -> object:
        return value

    def allowed(self) -> str:
        return self.meaning

    def words(self, value: str) -> str:
        return value or "none"


@dataclass(frozen=True)
class Choice(Kind[str]):
    """One of several, each with the words that the user sees."""

    options: Mapping[str, str]

    def read(self, stored: object) -> str:
        if not isinstance(stored, str) or stored not in self.options:
            raise ValueError(f"none of {', '.join(self.options)}: {stored!r}")
        return stored

    def write(self, value: str) -> object:
        return value

    def allowed(self) -> str:
        return ", ".join(self.options.values())

    def words(self, value: str) -> str:
        return self.options[value]


@dataclass(frozen=True)
class Number(Kind[int | None]):
    """A whole number from ``minimum`` to ``maximum``, shown in units of ``unit``; None, kept as '', is ``usual``."""

    minimum: int
    maximum: int
    usual: int
    unit: int
    unit_name: str

    def read(self, stored: object) -> int | None:
        if stored == "":
            return None
        number = int(str(stored))
        if not self.minimum <= number <= self.maximum:
            raise ValueError(f"not between {self.minimum} and {self.maximum}: {number}")
        return number

    def write(self, value: int | None) -> object:
        return "" if value is None else str(value)

    def allowed(self) -> str:
        return f"{self.minimum // self.unit:,} to {self.maximum // self.unit:,} {self.unit_name}"

    def words(self, value: int | None) -> str:
        return f"{(self.usual if value is None else value) // self.unit:,} {self.unit_name}"


@dataclass(frozen=True)
class Percents(Kind[tuple[int, int]]):
    """A percentage for each of two classes, 0 to ``highest``; one that holds for both is kept as versions before 0.2.0
    kept and read it."""

    highest: int

    def read(self, stored: object) -> tuple[int, int]:
        parts = [int(part) for part in str(stored).split("/")]
        if len(parts) > 2 or not all(0 <= part <= self.highest for part in parts):
            raise ValueError(f"no percentages up to {self.highest}: {stored!r}")
        return parts[0], parts[-1]

    def write(self, value: tuple[int, int]) -> object:
        return str(value[0]) if value[0] == value[1] else f"{value[0]}/{value[1]}"

    def allowed(self) -> str:
        return f"0 to {self.highest} % each"

    def words(self, value: tuple[int, int]) -> str:
        return " and ".join(f"{part} %" if part else "the card's" for part in value)


@dataclass(frozen=True)
class Changes(Kind[Mapping[str, str]]):
    """What the user changed of a table of bindings, by name; kept as a JSON object."""

    meaning: str
    own: str
    """The bindings as they come, in words."""

    def read(self, stored: object) -> Mapping[str, str]:
        try:
            found = read_json(str(stored) or "{}")
        except RecursionError as e:  # brackets within brackets without end
            raise ValueError("nested too deeply") from e
        if not isinstance(found, dict):
            raise ValueError(f"no JSON object: {stored!r}")
        return {str(name): str(binding) for name, binding in found.items()}

    def write(self, value: Mapping[str, str]) -> object:
        return json.dumps(dict(value))

    def allowed(self) -> str:
        return self.meaning

    def words(self, value: Mapping[str, str]) -> str:
        return ", ".join(f"{name}: {binding}" for name, binding in value.items()) or self.own


class Paths(Kind[list[str]]):
    """Files and folders in an order."""

    def read(self, stored: object) -> list[str]:
        if isinstance(stored, str):  # how Qt's INI files give back a list of one
            return [stored]
        if not isinstance(stored, list):
            raise ValueError(f"no list: {stored!r}")
        return [str(path) for path in stored]

    def write(self, value: list[str]) -> object:
        return value

    def allowed(self) -> str:
        return "files and folders"

    def words(self, value: list[str]) -> str:
        return ", ".join(value) or "none"


class State(Kind[QByteArray]):
    """What Qt says about the arrangement of its widgets; only Qt can read it."""

    def read(self, stored: object) -> QByteArray:
        if not isinstance(stored, QByteArray):
            raise ValueError("no bytes")
        return stored

    def write(self, value: QByteArray) -> object:
        return value

    def allowed(self) -> str:
        return "as Qt writes it"

    def words(self, value: QByteArray) -> str:
        return "none" if value.isEmpty() else f"{value.size()} bytes"


# -- the table ----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Section:
    """Settings that belong together: a page of the dialog, or a heading for what the program remembers by itself."""

    title: str
    note: str = ""
    """Stands below the rows of a page."""


@dataclass(frozen=True)
class Row:
    """How the dialog shows a setting."""

    label: str = ""
    """At the left; '' for a row that goes on with what the row above is about, or has a page to itself."""


class Values(Protocol):
    """Whatever keeps the values of settings."""

    def get(self, setting: Setting[T]) -> T: ...

    def set(self, setting: Setting[T], value: T) -> None: ...


@dataclass(frozen=True, eq=False, kw_only=True)
class Setting(Generic[T]):
    """One row of the table; as an attribute of a class that keeps `Values` it is the value itself."""

    key: str
    """In the file, ``group/name``. With ``{}`` it stands for a family, one setting for each name: see `named`."""
    kind: Kind[T]
    default: T
    section: Section
    text: str
    """What it is called."""
    help: str
    """What it does, in one sentence or two."""
    row: Row | None = None
    at_once: bool = False
    """Written to disk as soon as it is set, for other processes that read the file."""

    def named(self, name: str) -> Setting[T]:
        """The member of a family."""
        return replace(self, key=self.key.format(name))

    def read(self, stored: object) -> T:
        """The value that was kept; the default for none (None) and for one that makes no sense."""
        if stored is not None:
            try:
                return self.kind.read(stored)
            except ValueError:
                pass
        return copy.copy(self.default)

    def write(self, value: T) -> object:
        """What is put into the file for a value.

        Raises
        ------
        ValueError
            It couldn't be read again.
        """
        stored = self.kind.write(value)
        self.kind.read(stored)
        return stored

    @overload
    def __get__(self, values: None, owner: type) -> Self: ...

    @overload
    def __get__(self, values: Values, owner: type) -> T: ...

    def __get__(self, values: Values | None, owner: type) -> Self | T:
        return self if values is None else values.get(self)

    def __set__(self, values: Values, value: T) -> None:
        values.set(self, value)


GENERAL = Section(
    "General",
    "One switch for names, numbers, dates and free text: in the corners of the image, in the inspector and "
    "the list of tags, and in what is exported and reported. While it is off, exports leave out names of "
    "files as well; with the second box so does the screen, and cases go by their number.",
)
IMAGES = Section(
    "Images",
    f"A file that says it is larger is refused before memory is given to it: a forged header can't take the "
    f"machine down. The program's own limit is {limits.DEFAULT_MAX_PIXELS // _MEGA} megapixels.",
)
ANSWERS_PAGE = Section(
    "Answers",
    "At a low rate both answers stay possible, at a high one neither is clear of it: either way more is undecided. "
    "The plot shows what a rate for both classes costs on a test set, the words below it what the two rates cost each "
    "class. All answers of the casebook are worded anew, without any analysis.",
)
DEVICE_PAGE = Section(
    "Device", "A change restarts the engine; an analysis that is running is lost, nothing else."
)
KEYS_PAGE = Section("Keys")
MOUSE_PAGE = Section("Mouse")
USER = Section("User")
FILES = Section("Files and folders")
ARRANGEMENT = Section("Arrangement")

THEME = Setting(
    key="appearance/theme", kind=Choice({"system": "As the system", "light": "Light", "dark": "Dark"}),
    default="system", section=GENERAL, row=Row("Appearance"), text="Appearance",
    help="Light or dark colours; also in *View > Theme*.",
)  # fmt: skip
ANALYSE_ON_OPENING = Setting(
    key="work/analyse_on_opening", kind=Flag(), default=True, section=GENERAL, row=Row("Analysis"),
    text="Analyse an image as soon as it is looked at",
    help="Off: an image is analysed when you ask for it.",
)  # fmt: skip
IDENTITY_VISIBLE = Setting(
    key=f"{privacy.SECTION}/{privacy.KEY}", kind=Flag(), default=False, section=GENERAL, row=Row("Privacy"),
    text="Show what identifies patients", at_once=True,
    help="Whether it is shown and exported; the same as *View > Show > Patient identity*.",
)  # fmt: skip
NAMES_IDENTIFY = Setting(
    key=f"{privacy.SECTION}/names", kind=Flag(), default=False, section=GENERAL, row=Row(),
    text="Names of files and folders count as identity",
    help="Whether they are hidden with it: for files that are named after people.",
)  # fmt: skip
ERROR_RATES = Setting(
    key="answers/error_rate", kind=Percents(30), default=(0, 0), section=ANSWERS_PAGE, row=Row(),
    text="Accepted error rates",
    help="How many of 100 images of the negative class may be called positive, and of the positive class negative; "
    "what is too uncertain for that reads *undecided*. 0: what each model's card states.",
)  # fmt: skip
MAX_PIXELS = Setting(
    key="images/max_pixels",
    kind=Number(_MEGA, 4_000 * _MEGA, limits.DEFAULT_MAX_PIXELS, _MEGA, "megapixels"),
    default=None, section=IMAGES, row=Row("Largest picture"), text="Largest picture",
    help="The largest picture that is opened.",
)  # fmt: skip
DEVICE = Setting(
    key="engine/device", kind=Text("auto, cpu, cuda, cuda:1 and so on, mps", r"auto|cpu|cuda(:\d+)?|mps"),
    default="auto", section=DEVICE_PAGE, row=Row("Compute on"), text="Compute on",
    help="What the models run on; *auto* takes the best that is there. For one that is missing the processor steps in.",
)  # fmt: skip
KEYS = Setting(
    key="bindings/keys", kind=Changes("any key for any action, or none", "the keys that the menus show at first"),
    default={}, section=KEYS_PAGE, row=Row(), text="Keys",
    help="The key of every action, and the keys that mean something in one place only.",
)  # fmt: skip
MOUSE = Setting(
    key="bindings/mouse", kind=Changes("what the page offers for each gesture", "as in the guide under *Look closer*"),
    default={}, section=MOUSE_PAGE, row=Row(), text="Mouse",
    help="What buttons, wheel and double click do in the panes.",
)  # fmt: skip
USER_NAME = Setting(
    key="user/name", kind=Text(), default="", section=USER, text="Name",
    help="Who labels and paints, as the casebook records it; none: the name of the operating system's account. "
    "Set in *Casebook properties…*.",
)  # fmt: skip
USER_ROLE = Setting(
    key="user/role", kind=Text(), default="", section=USER, text="Role",
    help="Recorded with the name, and set with it.",
)  # fmt: skip
RECENT = Setting(
    key="files/recent", kind=Paths(), default=[], section=FILES, text="Recent files",
    help="What was opened lately, newest first.",
)  # fmt: skip
RECENT_CASEBOOKS = Setting(
    key="files/casebooks", kind=Paths(), default=[], section=FILES, text="Recent casebooks",
    help="Casebooks used lately, newest first.",
)  # fmt: skip
FOLDERS = Setting(
    key="files/{}_folder", kind=Text("a folder"), default="", section=FILES, text="Folders of the file dialogs",
    help="Where files of a kind were last opened or saved: *open*, *export*, *mask*, *model*, *casebook*, *report*.",
)  # fmt: skip
LAYOUTS = Setting(
    key="layouts/{}", kind=Text("one of *View > Layout*"), default="", section=ARRANGEMENT, text="Layouts",
    help="The panes that were chosen last for each question.",
)  # fmt: skip
GEOMETRY = Setting(
    key="window/geometry", kind=State(), default=QByteArray(), section=ARRANGEMENT, text="Window",
    help="Size and place of the window.",
)  # fmt: skip
DOCKS = Setting(
    key="window/state", kind=State(), default=QByteArray(), section=ARRANGEMENT, text="Parts of the window",
    help="Where worklist, inspector and toolbar are.",
)  # fmt: skip
COLUMNS = Setting(
    key="worklist/columns", kind=State(), default=QByteArray(), section=ARRANGEMENT, text="Columns of the worklist",
    help="Which are shown, in which order, how wide.",
)  # fmt: skip
FIRST_COLUMNS = 16
"""Columns of the worklist in version 0.1.0, which didn't note their number."""
COLUMNS_KNOWN = Setting(
    key="worklist/columns_known", kind=Number(1, 1000, FIRST_COLUMNS, 1, "columns"), default=None, section=ARRANGEMENT,
    text="Number of columns", help="How many there were then: those that came with a later version begin hidden.",
)  # fmt: skip
SMALL_ROWS = Setting(
    key="worklist/small", kind=Flag(), default=False, section=ARRANGEMENT, text="Small rows",
    help="Whether the rows of the worklist are one line high.",
)  # fmt: skip

TABLE: tuple[Setting[Any], ...] = (
    THEME, ANALYSE_ON_OPENING, IDENTITY_VISIBLE, NAMES_IDENTIFY, ERROR_RATES, MAX_PIXELS, DEVICE, KEYS, MOUSE,
    USER_NAME, USER_ROLE, RECENT, RECENT_CASEBOOKS, FOLDERS, LAYOUTS, GEOMETRY, DOCKS, COLUMNS, COLUMNS_KNOWN,
    SMALL_ROWS,
)  # fmt: skip
"""All of them, in the order in which the dialog and the guide have them."""

PAGES = (GENERAL, ANSWERS_PAGE, IMAGES, DEVICE_PAGE, KEYS_PAGE, MOUSE_PAGE)
"""The sections that are pages of the dialog."""
