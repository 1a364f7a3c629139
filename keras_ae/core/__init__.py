"""What knows no model: configuration, registry, validation."""
