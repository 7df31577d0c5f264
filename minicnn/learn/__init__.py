"""The exercise checker: generated cases, the smallest counterexample, named mistakes, hints.

In a notebook::

    from minicnn.learn import check, hint

    check("one_layer.output_size", output_size)
    hint("one_layer.output_size")
"""

from minicnn.learn.checker import check, grade
from minicnn.learn.hints import hint
from minicnn.learn.report import Report, Status, TaskFailed
from minicnn.learn.show import show
from minicnn.learn.tasks import all_tasks, get_task, topic_tasks

__all__ = [
    "Report",
    "Status",
    "TaskFailed",
    "all_tasks",
    "check",
    "get_task",
    "grade",
    "hint",
    "show",
    "topic_tasks",
]
