"""The custom_generate form: a folder without weights that makes the stock `generate` of the base run the chain.

    model = AutoModelForCausalLM.from_pretrained(base)
    model.generate(**inputs, custom_generate=folder, trust_remote_code=True)

It is a `custom_generate` repository of transformers: code, and the packages that it needs, here skiploop. So it serves
any architecture that runs chains, also those that no checkpoint can say, with damped loops and all.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import torch

from skiploop._version import __version__
from skiploop.chains.chain import Chain
from skiploop.errors import UnsupportedModel
from skiploop.export.checkpoint import Base
from skiploop.export.verify import forget_code, greedy_tokens
from skiploop.models.files import first_line
from skiploop.models.replay import run_chain

FOLDER = "custom_generate"
_CODE = '''"""The stock `generate`, under the chain {notation} of a model of {num_layers} layers; written by skiploop.

    model.generate(**inputs, custom_generate=FOLDER, trust_remote_code=True)

`chain="..."` beside it runs another chain.
"""

from skiploop import Chain, run_chain

CHAIN = Chain({layers!r}, {num_layers})


def generate(model, chain=None, cache_policy="own", **arguments):
    """What transformers calls with the arguments of `generate`."""
    chain = Chain.parse(chain, CHAIN.num_layers) if isinstance(chain, str) else chain or CHAIN
    with run_chain(model, chain, cache_policy=cache_policy):
        return model.generate(**arguments)
'''


def prepare_code(base: Base, chain: Chain) -> Callable[[Path], int]:
    """What fills a folder and says how many tokens it has compared.

    Raises:
        UnsupportedModel: the model generates no text.
    """
    model = base.model
    model.require_generation()
    with run_chain(model.hf, chain):
        wanted = greedy_tokens(model.hf)

    def fill(folder: Path) -> int:
        write_code(chain, folder)
        try:
            found = greedy_tokens(model.hf, custom_generate=str(folder), trust_remote_code=True)
        except Exception as error:  # whatever transformers raises: the folder isn't what it is to be
            raise UnsupportedModel(f"transformers can't run the folder ({first_line(error)}); use run_chain") from error
        finally:
            forget_code(model.hf.load_custom_generate(str(folder), trust_remote_code=True))
        if not torch.equal(wanted, found):
            raise UnsupportedModel("generate with this folder gives other tokens than run_chain; nothing was kept")
        return wanted.numel()

    return fill


def write_code(chain: Chain, folder: Path) -> None:
    """The code, and what it needs."""
    place = folder / FOLDER
    place.mkdir()
    text = _CODE.format(num_layers=chain.num_layers, notation=chain, layers=chain.to_json())
    (place / "generate.py").write_text(text, encoding="utf-8")
    (place / "requirements.txt").write_text(f"skiploop>={__version__}\n", encoding="utf-8")
