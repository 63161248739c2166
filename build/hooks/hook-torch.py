# In place of the hook of pyinstaller-hooks-contrib for builds without CUDA, which takes every module of torch with its
# source, tests and compilers' back ends: 100 MB and minutes more. Here: what `import torch` reaches, and what torch's
# C++ code and its lazy attributes import by name.
import re
from pathlib import Path

from PyInstaller.utils.hooks import PY_DYLIB_PATTERNS, collect_dynamic_libs, get_package_paths

ROOT = Path(get_package_paths("torch")[1])
_NAME = re.compile(rb"torch(?:\.[a-z_][a-z0-9_]*)+", re.IGNORECASE)


def _named_in(library):
    """Modules whose dotted name stands in the library; a longer name may end in a function or class."""
    found = set()
    for text in set(_NAME.findall(library.read_bytes())):
        parts = text.decode().split(".")
        while len(parts) > 1:
            place = ROOT.joinpath(*parts[1:])
            if place.with_suffix(".py").is_file() or (place / "__init__.py").is_file():
                found.add(".".join(parts))
                break
            parts.pop()
    return found


_libraries = [p for p in (ROOT / "lib").iterdir() if "torch_python" in p.name and p.suffix in (".so", ".dll", ".dylib")]
hiddenimports = sorted({
    "torch._dynamo", "torch._inductor", "torch._export", "torch._meta_registrations", "torch._decomp",
    *(name for library in _libraries for name in _named_in(library)),
})  # fmt: skip
excludedimports = ["torch.utils.tensorboard", "torch.onnx", "torch.utils.benchmark", "torch.distributed.elastic",
                   "torch.distributed.pipelining", "torch.distributed.launcher"]  # fmt: skip
binaries = collect_dynamic_libs("torch", search_patterns=[*PY_DYLIB_PATTERNS, "*.so.*"])
datas = [(str(p), "torch/bin") for p in (ROOT / "bin").glob("torch_shm_manager*")]
bindepend_symlink_suppression = ["**/torch/lib/*.so*"]
module_collection_mode = "pyz"
warn_on_missing_hiddenimports = False
