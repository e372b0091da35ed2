"""What a model does with data: from arrays to batches, from graphs to compiled functions, and from epoch to epoch.

- `data`: arrays, in memory or elsewhere, that fit a model. `batches`: those of an epoch, in some order. `lengths`:
  those of samples of about the same length. `ahead`: threads that fetch them from a generator.
- `functions`: a training step, a test, a prediction and a step in time, as graphs, compiled when they are asked for.
  `calls`: with less around them than the engine has.
- `epochs`: goes through batches with these functions.
- `distributed`: the processes that train one model. `parts`: the graphs of a step of which each does a part.
"""
