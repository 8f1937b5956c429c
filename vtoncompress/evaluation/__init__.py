"""Anybody's pictures, scored under a named protocol.

pictures   a folder of them, what is in it and how it is read
protocol   what must be equal for two numbers to stand in one column
command    folders + protocol -> record and table
"""
