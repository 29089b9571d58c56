"""skiploop: chains of layers for pretrained transformers - search, exact execution, honest evaluation."""

__version__ = "0.1.0"
