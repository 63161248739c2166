"""Help: keys, how to read the maps, the log, what this program is."""

from __future__ import annotations

from PySide6.QtCore import QObject
from PySide6.QtWidgets import QMessageBox

from divisive_desktop import paths, version
from divisive_desktop.desktop.shell.action import Action
from divisive_desktop.desktop.shell.services import Services
from divisive_desktop.errors import ExportError, in_words


def install(services: Services) -> HelpFeature:
    """Add the help to the window."""
    return HelpFeature(services)


class HelpFeature(QObject):
    """Opens the sheets and boxes of the Help menu."""

    def __init__(self, services: Services) -> None:
        super().__init__(services.window)
        self._services = services
        services.actions.add((
            Action("reading", "Reading the maps", self.show_map_guide, "F1", "What they show, and what they don't",
                   "info"),
            Action("shortcuts", "Keyboard shortcuts", self.show_shortcuts, "?", icon="keyboard"),
            Action("save-log", "Save log…", self.save_log, "", "What the program did, without patient data"),
            Action("about", "About Divisive Desktop", self.show_about),
        ))  # fmt: skip

    def show_shortcuts(self) -> None:
        """The sheet of keys and mouse buttons."""
        from divisive_desktop.desktop.features.help.shortcut_sheet import ShortcutSheet

        actions, settings = self._services.actions, self._services.settings
        ShortcutSheet(actions.with_keys(), self._services.window, settings.mouse, actions.local_keys.table()).open()

    def show_map_guide(self) -> None:
        """What an analyst must know about saliency maps."""
        from divisive_desktop.desktop.features.help.map_guide import MapGuide

        MapGuide(self._services.window).open()

    def save_log(self) -> None:
        """Copy the log to a file that the user names."""
        name, kinds = "divisive-desktop.log", "Log (*.log *.txt)"
        path = self._services.dialogs.ask_where("Save log", "export", name, kinds)
        if path is None:
            return
        from divisive_desktop.desktop.startup.crash import write_log

        try:
            write_log(path)
        except OSError as e:
            error = ExportError(f"{path.name} could not be written: {in_words(e)}.", "Choose another folder.")
            self._services.messages.show_error(error)
            return
        self._services.messages.show("export", "info", f"Saved {path.name}.", f"In {path.parent}")

    def show_about(self) -> None:
        """Version, engine, where the user's data lie, licence."""
        engine = self._services.runner.engine
        running = f"{engine.runtime} on {engine.device_name}" if engine else "not running"
        terms = "<br>".join(f"{model}: {text}" for model, text in self._services.session.questions.data_terms())
        box = QMessageBox(self._services.window)
        box.setWindowTitle(f"About {version.name()}")
        box.setIconPixmap(self._services.window.windowIcon().pixmap(64, 64))
        box.setText(f"<b>{version.name()} {version.build()}</b>")
        box.setInformativeText(
            "Shows what decided: the activation maps of the true and the false class, and where they part.<br><br>"
            "<b>Research use only, not for diagnosis.</b> A map shows what moves the model; it is no proof.<br><br>"
            f"Engine: {running}<br>Your data: {paths.user_data_dir()}<br>Licence: Apache-2.0"
            + (f"<br><br><b>Terms of the data that the models were trained on</b><br>{terms}" if terms else "")
        )
        box.open()
