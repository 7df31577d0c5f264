"""Tasks for the chapter "Many cores"."""

from minicnn.learn.tasks.many_cores.challenge import assign
from minicnn.learn.tasks.many_cores.laws import finish, speedup
from minicnn.learn.tasks.many_cores.order import endings, fixed_sum

TASKS = (speedup, endings, finish, fixed_sum, assign)
