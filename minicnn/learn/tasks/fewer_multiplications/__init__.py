"""Tasks for the chapter "Fewer multiplications"."""

from minicnn.learn.tasks.fewer_multiplications.challenge import choose_points
from minicnn.learn.tasks.fewer_multiplications.counting import tile_products
from minicnn.learn.tasks.fewer_multiplications.fourier import fft_tile
from minicnn.learn.tasks.fewer_multiplications.winograd import four_products, input_matrix

TASKS = (
    tile_products,
    four_products,
    input_matrix,
    fft_tile,
    choose_points,
)
