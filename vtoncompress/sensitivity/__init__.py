"""Which layers bear pruning: each group of tied channels pruned alone, at some ratios, in the dense network.

plan      the stages, one a point, kept in the store
check     what is refused before any work
command   from the config to the files
point     what one point found, held against the dense network
choice    ratios within a budget, as a config to run and as a search
allocation  which ratios save a share of what there is to save at the least price
losses    what each group's channels are worth, for a pruning by time
report    CSV and Markdown
plot      the points as a picture
"""
