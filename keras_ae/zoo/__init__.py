"""Pretrained models: files, data sets, recipes."""
