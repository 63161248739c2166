# In place of the hook of pyinstaller-hooks-contrib for builds without CUDA. That one imports every module of torch to
# list them, and takes their sources along: minutes, and 50 MB. Much of torch is imported by names put together at run
# time, so all modules come along here too, as byte code, but for a few that nothing here can reach.
from pathlib import Path

from PyInstaller.utils.hooks import PY_DYLIB_PATTERNS, collect_dynamic_libs, get_package_paths

ROOT = Path(get_package_paths("torch")[1])
LEFT_OUT = (
    "torch.onnx", "torch.utils.tensorboard", "torch.utils.benchmark", "torch.utils.hipify", "torch.utils.bottleneck",
    "torch.distributed.elastic", "torch.distributed.launcher", "torch.distributed.pipelining",
    "torch.distributed.checkpoint", "torch.distributed._shard.checkpoint", "torch.testing._internal.distributed",
    "torch.testing._internal.opinfo", "torch.testing._internal.optests", "torch._inductor.kernel.vendored_templates",
)  # fmt: skip


def _modules():
    for path in ROOT.rglob("*.py"):
        parts = path.relative_to(ROOT.parent).with_suffix("").parts
        name = ".".join(parts).removesuffix(".__init__")
        if all(part.isidentifier() for part in parts) and not any(
            name == left or name.startswith(f"{left}.") for left in LEFT_OUT
        ):
            yield name


hiddenimports = sorted(_modules())
excludedimports = list(LEFT_OUT)
binaries = collect_dynamic_libs("torch", search_patterns=[*PY_DYLIB_PATTERNS, "*.so.*"])
datas = [(str(p), "torch/bin") for p in (ROOT / "bin").glob("torch_shm_manager*")]
bindepend_symlink_suppression = ["**/torch/lib/*.so*"]
warn_on_missing_hiddenimports = False
