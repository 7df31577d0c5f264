"""Tasks for the chapter "Pruning"."""

from minicnn.learn.tasks.pruning.challenge import sparsest
from minicnn.learn.tasks.pruning.masking import magnitude_mask, share_after, ticket
from minicnn.learn.tasks.pruning.worth import removal_cost

TASKS = (magnitude_mask, share_after, ticket, removal_cost, sparsest)
