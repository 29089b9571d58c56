"""The embedded pretrained model: weights, tokenizer, data files and model card. No code."""
