"""Tasks for the chapter "Low rank and short codes"."""

from minicnn.learn.tasks.low_rank_and_codes.challenge import fewest_values
from minicnn.learn.tasks.low_rank_and_codes.codes import code_bits, decode
from minicnn.learn.tasks.low_rank_and_codes.weights import codebook_gradient, thrifty_rank

TASKS = (
    thrifty_rank,
    codebook_gradient,
    code_bits,
    decode,
    fewest_values,
)
