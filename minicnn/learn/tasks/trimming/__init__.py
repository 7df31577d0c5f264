"""Tasks for the chapter "Trimming"."""

from minicnn.learn.tasks.trimming.challenge import widths
from minicnn.learn.tasks.trimming.counting import trimmed_macs
from minicnn.learn.tasks.trimming.groups import leave_together, still_alive
from minicnn.learn.tasks.trimming.removing import channels_to_keep, trim_after_flatten

TASKS = (
    trimmed_macs,
    trim_after_flatten,
    channels_to_keep,
    leave_together,
    still_alive,
    widths,
)
