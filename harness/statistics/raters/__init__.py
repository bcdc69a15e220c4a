"""Agreement of raters, and preferences among versions."""
