"""Adapters: small matrices that peft adds to those of a model, beside its weights or into them."""
