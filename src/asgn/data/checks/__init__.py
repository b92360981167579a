"""What can be said of a data set before it is used: faults, counts, leaks."""
