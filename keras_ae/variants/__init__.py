"""The variants; importing a module registers its class."""
