"""What people hire an autoencoder for; imported when asked for, with
scikit-learn."""
