"""Gates in MLflow: each is logged as a run, after its verdict and after its report is stored, so that neither depends
on it; and a passed one can give its candidate an alias in the model registry.
"""
