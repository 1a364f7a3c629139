"""Training: from rows to steps on one device or many, and what guards them."""
