"""The tables of a fine-tuning's result can be read as a whole."""

from __future__ import annotations

import pytest
from pytestqt.qtbot import QtBot

from divisive_desktop.desktop.features.finetuning.methods import METHODS
from divisive_desktop.desktop.features.finetuning.tables import MethodTable


@pytest.mark.parametrize("width", [480, 600])
def test_no_method_and_no_figure_is_cut_off(qtbot: QtBot, width: int) -> None:
    table = MethodTable()
    qtbot.addWidget(table)
    table.setRowCount(len(METHODS))
    for row, method in enumerate(METHODS):
        table.put(row, 0, f"{row + 1}  {method.name}", bold=row == 0)
        for column in range(1, table.columnCount()):
            table.put(row, column, "0.963")
    table.resize(width, 240)
    table.show()
    last = table.columnCount() - 1
    assert table.columnViewportPosition(last) + table.columnWidth(last) <= table.viewport().width()
    assert all(table.columnWidth(column) >= table.sizeHintForColumn(column) for column in range(table.columnCount()))
