"""Stateless functions behind the objectives; no Keras, no state."""
