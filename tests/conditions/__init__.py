"""What a phone says about itself, and bringing it under control."""
