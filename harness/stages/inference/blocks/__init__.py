"""Versions under load in blocks of time: pairs of them, on the same plan, one version served while the other stands.

`plan.BlockPlan` says what is measured and in which order, `measuring.measure_pair` measures it, and `measured.Load` is
what a body gets of one block.
"""
