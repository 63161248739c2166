"""A mask as it was at one moment: immutable, safe on any thread, and its bytes in the casebook."""

from __future__ import annotations

import hashlib
import json
import struct
from dataclasses import asdict, dataclass
from typing import Any

from divisive_desktop.errors import MaskError, in_words
from divisive_desktop.foreign.parsing import read_json
from divisive_desktop.geometry import Box
from divisive_desktop.imaging.limits import max_pixels
from divisive_desktop.masks import codec
from divisive_desktop.masks.region import Region

_MAGIC = b"DDMASK\x00\x02"  # name and version of the format
_HEAD = struct.Struct("<8s32sI")  # magic, SHA-256 of what follows the header, length of the JSON part


def is_blob(data: bytes) -> bool:
    """Whether these bytes begin as what `Snapshot.to_blob` writes, in this version or another."""
    return data[:6] == _MAGIC[:6]


@dataclass(frozen=True)
class Snapshot:
    """Size, and for every region its settings, the box of its painted pixels and its tiles (``codec.join``)."""

    width: int
    height: int
    parts: tuple[tuple[Region, Box | None, bytes], ...]

    @property
    def is_empty(self) -> bool:
        """True when nothing is painted."""
        return all(box is None for _, box, _ in self.parts)

    def digest(self) -> str:
        """SHA-256 (hex) of size, names, weights and pixels; colours and visibility don't count."""
        digest = hashlib.sha256(f"{self.width}x{self.height}".encode())
        for region, box, packed in self.parts:
            digest.update(json.dumps([region.name, region.weight, box, len(packed)]).encode())
            digest.update(packed)
        return digest.hexdigest()

    def to_blob(self) -> bytes:
        """Compact bytes: header, SHA-256, settings as JSON, deflated pixels. No pickle."""
        blocks = [codec.deflate(packed) if box else b"" for _, box, packed in self.parts]
        settings: dict[str, Any] = {
            "size": [self.width, self.height],
            "regions": [
                {**asdict(region), "box": box, "bytes": len(block)}
                for (region, box, _), block in zip(self.parts, blocks, strict=True)
            ],
        }
        text = json.dumps(settings, ensure_ascii=False).encode()
        body = b"".join((text, *blocks))
        return _HEAD.pack(_MAGIC, hashlib.sha256(body).digest(), len(text)) + body

    @classmethod
    def from_blob(cls, blob: bytes) -> Snapshot:
        """Read what ``to_blob`` wrote; settings that this version doesn't know are ignored.

        Raises
        ------
        MaskError
            The bytes are damaged or were written by a newer version.
        """
        remedy = "Restore the casebook from a backup, or draw the mask again."
        try:
            magic, checksum, length = _HEAD.unpack_from(blob)
            if magic[:6] != _MAGIC[:6]:
                raise MaskError("This isn't a saved mask.", remedy)
            if magic != _MAGIC:
                raise MaskError("The mask was saved by a newer version of this program.", "Update the program.")
            body = memoryview(blob)[_HEAD.size :]
            if hashlib.sha256(body).digest() != checksum:
                raise MaskError("The saved mask is damaged: its checksum differs.", remedy)
            settings = read_json(bytes(body[:length]))
            width, height = settings["size"]
            if not (width >= 1 and height >= 1 and width * height <= max_pixels()):
                raise ValueError(f"it says that it is {width} x {height} pixels")
            most = codec.most_packed(height, width)
            parts, at = [], length
            for raw in settings["regions"]:
                known = {k: v for k, v in raw.items() if k in Region.__dataclass_fields__}
                block = body[at : at + raw["bytes"]]
                at += raw["bytes"]
                box = tuple(raw["box"]) if raw["box"] else None
                parts.append((Region(**known), box, codec.inflate(block, most) if box else b""))
            return cls(width, height, tuple(parts))
        except (struct.error, ValueError, KeyError, TypeError, AttributeError) as e:
            raise MaskError(f"The saved mask is damaged: {in_words(e)}.", remedy) from e
