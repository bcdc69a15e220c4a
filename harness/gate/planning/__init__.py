"""What a gate of a size can find, and how often it is wrong: by simulation with the gate's own rule."""
