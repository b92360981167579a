"""Fetching the benchmarks: mirrors, resumable transfers, archives."""
