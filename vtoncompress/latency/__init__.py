"""What channels cost in time on this machine, measured, so that pruning takes them where that buys most.

geometry   what the time of a convolution depends on, besides its channels
shapes     the geometry of every convolution of a network
lookup     milliseconds by channels, between measured points, as a file
measure    that file of a network
costs      predicted milliseconds of a network by the widths of its groups of tied layers
command    measuring, as experiments/measure_latency.py does it
"""

LOOKUP = "lookup.json"  # here, for who only opens the file: importing what measures would tie its code to theirs
