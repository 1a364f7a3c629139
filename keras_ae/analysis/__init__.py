"""Looking at models: likelihood, latent space, figures, pictures."""
