"""What a person looks at after a sweep: one page that opens offline, and its figures for a paper.

axes            what stands for quality and what for cost
frontier        per protocol, the rows that no other beats in quality and one cost
pareto          those as a figure, dominating rows named
published       figures of papers in figures of their own: another protocol, never on our axes
ratio           quality over the share that was pruned, a figure a scope
training        losses over the steps of a sweep's trainings
time_spent      seconds of every stage, and multiply-accumulates of every part of the network
sensitivity     what the analyses layer by layer in ``results`` say of the same network
pictures        person, garment, dense result, this result and their difference: a typical and the worst pair
drawing         a figure as SVG in the page, and as SVG and PNG beside it
table           rows and columns as the page sorts and filters them
origin          protocol, machine, versions, and the command that makes it again
freshness       whether a page shows what there is already
page            all of it as report.html
write           from an experiment's folder, or two of them, to their page
"""
