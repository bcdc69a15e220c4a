"""What scripts and notebooks get of Steelyard: scores weighed, stored runs as data frames."""
