"""The correlation of PF-AFN by every form of it, published ones too, in one run.

candidates   what is timed, on the features of a network's pyramid levels
floor        how fast it could be here: matrix rate and bandwidth, measured in the same run
result       medians beside the floor, as a table and as CSV
command      all of it, as experiments/benchmark_correlation.py runs it

The published forms are written from their description, for comparison only; no network uses them.
"""
