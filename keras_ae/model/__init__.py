"""The base of all variants: the step, the loops, what is served."""
