"""Many machines in place of one: batches of images as tasks of Dask distributed (extra ``cluster``).

Nothing in here is imported unless a cluster was asked for.
"""
