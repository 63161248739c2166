"""What requests share while they are answered: the device, the loaded models, the finders."""

from __future__ import annotations

import threading

from divisive_desktop.imaging import ImageRecord
from divisive_desktop.library import store
from divisive_desktop.networks.analyse import LoadedModel, load_model
from divisive_desktop.networks.devices import chosen_device
from divisive_desktop.networks.finders import Finders

_KEPT_MODELS = 4


class Worker:
    """Holds the device and the loaded models; answers one request at a time per thread.

    Parameters
    ----------
    device : str
        ``auto``, ``cpu``, ``cuda``, ``cuda:N`` or ``mps``.

    Raises
    ------
    EngineError
        The device asked for isn't there.
    """

    def __init__(self, device: str = "auto") -> None:
        self.device = chosen_device(device)
        self.finders = Finders()
        self._models: dict[str, LoadedModel] = {}
        self._lock = threading.Lock()

    def model(self, model_id: str) -> LoadedModel:
        """The model of this id, loaded and verified; kept for the next time while its files stay as they are."""
        stored = store.find_model(model_id)
        with self._lock:
            kept = self._models.pop(model_id, None)
            if kept is None or kept.card.weights_sha256 != stored.card.weights_sha256:
                kept = load_model(stored.folder, self.device.name)
            self._models[model_id] = kept  # moved to the end: the oldest goes first
            while len(self._models) > _KEPT_MODELS:
                self._models.pop(next(iter(self._models)))
            return kept

    def forget_models(self) -> None:
        """Free the memory that loaded models hold."""
        with self._lock:
            self._models.clear()

    def model_for(self, record: ImageRecord, model_id: str | None) -> LoadedModel:
        """The model asked for, or the default one of the question asked of this kind of image."""
        if model_id is None:
            model_id = store.default_model(store.default_task(record.kind)).card.id
        return self.model(model_id)
