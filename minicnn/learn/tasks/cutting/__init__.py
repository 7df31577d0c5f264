"""Tasks for the chapter "Cutting"."""

from minicnn.learn.tasks.cutting.challenge import best_thresholds
from minicnn.learn.tasks.cutting.exits import average_cost, leave_at
from minicnn.learn.tasks.cutting.removing import block_effects, cuttable_runs

TASKS = (cuttable_runs, block_effects, leave_at, average_cost, best_thresholds)
