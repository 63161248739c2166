"""The tables of a fine-tuning's result can be read as a whole."""

from __future__ import annotations

from math import nan

import pytest
from pytestqt.qtbot import QtBot

from divisive_desktop.desktop.features.finetuning.methods import METHODS
from divisive_desktop.desktop.features.finetuning.tables import FigureTable, MethodTable
from divisive_desktop.engine.finetuning.messages import Comparison, Figure


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


def test_a_figure_s_tool_tip_has_its_interval_or_an_exact_bound_and_n(qtbot: QtBot) -> None:
    table = FigureTable()
    qtbot.addWidget(table)
    before, after = {"auroc": Figure(0.94, 0.83, 1.0)}, {"auroc": Figure(1.0, 1.0, 1.0)}
    table.show_comparison(Comparison("holdout", 24, 12, 23, 0, before, after, {}))
    tips = [item.toolTip().replace("\u00a0", " ") for column in (1, 2) if (item := table.item(0, column)) is not None]
    assert tips == [
        "With 95 % interval: .94 (.83–1.00), on 24 images",
        "With 95 % interval: 1.00 (at least .78: exact 95 % bound from 12 images of the rarer class), on 24 images",
    ]
    table.show_comparison(Comparison("holdout", 24, 12, 23, 0, {"auroc": Figure(0.9, nan, nan)}, after, {}))
    (item,) = (item for item in [table.item(0, 1)] if item is not None)
    assert item.toolTip() == ""
