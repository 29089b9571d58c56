"""The same study by several processes, on one machine or many, over Ray: `--ray`. Extra `ray`; no torch in the driver.

spread     `RaySpread`: has a job of `skiploop.studies.spread` done by workers, for `--ray`
settings   where workers run, how many there are, and what each of them takes
chunks     the inputs, cut into what is given to a worker at a time
worker     what a worker does: one replica of the model, one engine, one shard at a time
mirror     shards brought to the driver, where workers don't see the study's folder
dispatch   who works on which chunk, and what happens when a worker is lost; knows nothing of Ray
ray_crew   workers as actors of Ray
extra      Ray, which is an extra
"""
