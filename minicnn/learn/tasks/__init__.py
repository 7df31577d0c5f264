"""The tasks by name. One module a topic, with a tuple TASKS in the order of its notebook."""

from __future__ import annotations

import importlib
from difflib import get_close_matches

from minicnn.learn.task import Task

TOPICS = {
    "one_layer": "One layer, seven loops",
    "weight_sharing": "Weight sharing",
    "batch_norm": "Batch normalisation",
    "spatial_compression": "Spatial compression",
    "activation_memory": "Activation memory",
    "kernel_exchange": "Kernel exchange",
    "pooling_exchange": "Pooling exchange",
    "layer_exchange": "Layer exchange",
    "one_core": "Fast on one core",
    "fewer_multiplications": "Fewer multiplications",
    "many_cores": "Many cores",
    "choosing": "Choosing by itself",
    "low_rank_and_codes": "Low rank and short codes",
    "pruning": "Pruning",
    "trimming": "Trimming",
    "sparsification": "Sparsification",
    "quantisation": "Quantisation",
    "cutting": "Cutting",
    "clipping": "Clipping and cropping",
    "together": "All together",
}
"""Every topic that has a notebook of exercises, and its title."""

WELCOME = "welcome"
"""A topic for trying the checker out: not graded and not remembered."""


def topic_tasks(topic: str) -> tuple[Task, ...]:
    """Return the tasks of a topic, in the order of its notebook."""
    if topic not in TOPICS and topic != WELCOME:
        raise ValueError(f"There is no topic {topic!r}. The topics are: {', '.join(TOPICS)}.")
    try:
        module = importlib.import_module(f"{__name__}.{topic}")
    except ModuleNotFoundError as error:
        if error.name != "hypothesis":
            raise
        raise ImportError(
            "The exercise checker needs the package hypothesis, which is not installed. "
            'Run: pip install "minicnn[learn]"'
        ) from error
    tasks: tuple[Task, ...] = module.TASKS
    return tasks


def all_tasks() -> tuple[Task, ...]:
    """Return every graded task."""
    return tuple(task for topic in TOPICS for task in topic_tasks(topic))


def get_task(name: str) -> Task:
    """Return the task called `name`, such as "one_layer.output_size"."""
    topic = name.partition(".")[0]
    if topic in TOPICS or topic == WELCOME:
        for task in topic_tasks(topic):
            if task.name == name:
                return task
    near = get_close_matches(name, [task.name for task in all_tasks()], n=1, cutoff=0.5)
    guess = f" Did you mean {near[0]!r}?" if near else ""
    raise ValueError(f'There is no task {name!r}; names look like "one_layer.output_size".{guess}')
