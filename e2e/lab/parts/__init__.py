"""What the laboratory of `postrider doctor` is made of."""
