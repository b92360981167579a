"""One optimisation step, and the loop around it."""
