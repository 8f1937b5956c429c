"""Search for recipes: Optuna proposes, ordinary variants answer, a Pareto set of recipes comes out.

space        what a trial may choose                     -> distributions, overrides
settings     conf/search/*.yaml, checked                 -> Settings
study        trials on disk, shared by workers           -> ask and tell
evaluation   one trial: cheap look, then the whole row   -> Outcome
worker       ask, evaluate, tell until the budget is spent
result       the Pareto set and its recipes; comparison with another experiment
"""
