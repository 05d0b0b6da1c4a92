"""What `connector demo` is made of: the stage (processes), the story (what happens), the sums (does it add up)."""
