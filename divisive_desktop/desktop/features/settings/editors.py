"""The widgets in which the dialog shows settings, by the kind of their values."""

from __future__ import annotations

from typing import Any

from PySide6.QtWidgets import QCheckBox, QComboBox, QSpinBox

from divisive_desktop.desktop.session.settings_table import Choice, Flag, Number, Setting
from divisive_desktop.desktop.ui.theme import GRID


class FlagEditor(QCheckBox):
    """A box to tick, with the setting's text beside it."""

    def __init__(self, text: str, value: bool) -> None:
        super().__init__(text)
        self.setChecked(value)

    @property
    def chosen(self) -> bool:
        return self.isChecked()


class ChoiceEditor(QComboBox):
    """One of several."""

    def __init__(self, kind: Choice, value: str) -> None:
        super().__init__()
        for option, text in kind.options.items():
            self.addItem(text, option)
        self.setCurrentIndex(self.findData(value))

    @property
    def chosen(self) -> str:
        return str(self.currentData())


class NumberEditor(QSpinBox):
    """A number in its unit."""

    def __init__(self, kind: Number, value: int) -> None:
        super().__init__()
        self._unit = kind.unit
        self.setRange(kind.minimum // kind.unit, kind.maximum // kind.unit)
        self.setSuffix(f" {kind.unit_name}")
        self.setMinimumHeight(GRID * 3 + 4)
        self.setValue(round(value / kind.unit))

    @property
    def chosen(self) -> int:
        return self.value() * self._unit


def editor_for(setting: Setting[Any], value: Any) -> FlagEditor | ChoiceEditor | NumberEditor:
    """The editor of a setting, showing ``value``.

    Raises
    ------
    TypeError
        There is none for values of its kind: it has a page to itself, or the dialog doesn't offer it.
    """
    kind = setting.kind
    if isinstance(kind, Flag):
        return FlagEditor(setting.text, value)
    if isinstance(kind, Choice):
        return ChoiceEditor(kind, value)
    if isinstance(kind, Number):
        return NumberEditor(kind, kind.usual if value is None else value)
    raise TypeError(f"no editor for {setting.key}")
