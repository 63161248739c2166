"""Sign the cards of the models that are released, with a key that is in no repository.

    python build/sign_models.py KEYFILE              sign every model in models/
    python build/sign_models.py KEYFILE --new        make the key first, and put its public half into resources/
    python build/sign_models.py --check              say which aren't signed; exit code 1 where one isn't
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from divisive_desktop.library.release import KEY, RELEASE, WORDS, release, release_state  # noqa: E402
from divisive_desktop.library.store import verify, write_files  # noqa: E402


def main() -> int:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("key", nargs="?", type=Path, help="file with the private key, 64 hexadecimal digits")
    arguments.add_argument("--new", action="store_true", help="make the key; an existing file is kept")
    arguments.add_argument("--check", action="store_true", help="only say what is signed")
    given = arguments.parse_args()
    folders = sorted(card.parent for card in (ROOT / "models").glob("*/card.json"))
    if not given.check:
        if given.key is None:
            arguments.error("name the file of the private key, or --check")
        key = new_key(given.key) if given.new else read_key(given.key)
        for folder in folders:
            verify(folder)  # nothing damaged is ever signed
            write_files(folder, {RELEASE: release((folder / "card.json").read_bytes(), key)})
    states = {folder.name: release_state(folder) for folder in folders}
    for name, state in states.items():
        print(f"{name:40} {WORDS[state]}")
    return int(any(state != "released" for state in states.values()))


def new_key(file: Path) -> Ed25519PrivateKey:
    """A new key, readable by its owner only; its public half goes into the package."""
    key = Ed25519PrivateKey.generate()
    raw = key.private_bytes(Encoding.Raw, PrivateFormat.Raw, NoEncryption())
    handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w", encoding="ascii") as out:
        out.write(raw.hex() + "\n")
    public = key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw).hex()
    (ROOT / "resources" / KEY).write_text(public + "\n", encoding="ascii")
    return key


def read_key(file: Path) -> Ed25519PrivateKey:
    return Ed25519PrivateKey.from_private_bytes(bytes.fromhex(file.read_text(encoding="ascii").strip()))


if __name__ == "__main__":
    sys.exit(main())
