"""Published tables beside measured ones, cell by cell.

figures      a table as it was printed, with what recomputing it found wrong
mapping      which of our rows and numbers is the counterpart of which cell: data, a file a table
comparison   published, ours, the difference in per cent or the reason why there is none
recovery     our rows before and after fine-tuning, and what it won back
view         both as tables to read, and as CSV

The figures are in ``results/published/``, the mappings in ``results/published/comparisons/``.
"""
