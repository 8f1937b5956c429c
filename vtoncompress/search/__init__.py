"""Search for recipes: Optuna proposes, ordinary variants answer, a Pareto set of recipes comes out.

space        what a trial may choose                     -> distributions, overrides
settings     conf/search/*.yaml, checked                 -> Settings
row          a point as a variant's complete config
study        trials on disk, shared by workers           -> ask and tell
worker       ask, measure (a cheap look, then the whole row), tell until the budget is spent
found        the rows that were measured                 -> the Pareto set
final        its rows measured again, on other pairs than they were chosen on
result       pareto.json and .md, a recipe for each row; comparison with another experiment
"""
