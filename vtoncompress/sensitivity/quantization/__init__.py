"""Which layers bear INT8: each convolution, or group of them, in integers alone, and all but the most harmful together.

plan      the stages, one a point, kept in the store
check     what is refused before any work
command   from the config to the files
choice    layers to keep in float within a budget, found by measuring
analysis  what was found
report    CSV and Markdown
"""
