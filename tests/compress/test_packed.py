"""The compact file: exact, small, and never a wrong model."""

import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import minicnn as mc
from minicnn import compress, nn
from minicnn.compress import encodings

sys.path.insert(0, str(Path(__file__).parents[1] / "io"))
from io_models import every_layer


def assert_equal(model, other):
    assert nn.to_spec(model) == nn.to_spec(other)
    for (name, a), b in zip(model.state_dict().items(), other.state_dict().values(), strict=True):
        assert a.dtype == b.dtype, name
        assert a.tobytes() == b.tobytes(), name
    flags = [[p.trainable for p in m.parameters().values()] for m in (model, other)]
    assert flags[0] == flags[1]


arrays = st.sampled_from([np.float32, np.float64, np.int8, np.uint8, np.bool_]).flatmap(
    lambda dtype: hnp.arrays(
        dtype,
        hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=12),
        elements=st.sampled_from(np.array([0, 0, 0, 1, 5, 77], dtype).tolist()),
    )
)


@given(arrays)
def test_arrays_round_trip(array):
    reader = encodings.Reader(encodings.encode(array))
    back = encodings.decode(reader, array.shape, array.dtype)
    assert reader.at == len(reader.data)
    assert back.dtype == array.dtype
    assert back.tobytes() == array.tobytes()


def test_odd_floats_round_trip():
    array = np.array([0.0, -0.0, np.nan, np.inf, -np.inf, 5e-324] + [0.0] * 50)
    array[2:3].view(np.uint64)[0] += 1  # another NaN
    back = encodings.decode(encodings.Reader(encodings.encode(array)), array.shape, array.dtype)
    assert back.tobytes() == array.tobytes()


@pytest.mark.parametrize(
    ("density", "book", "bits"),
    # What information theory asks for a place that is or is not zero, and its number.
    [
        (0.05, 0, 0.286 + 0.05 * 32),
        (0.05, 16, 0.286 + 0.05 * 4),
        (1.0, 16, 4),
        (0.6, 4, 0.971 + 1.2),
    ],
)
def test_near_the_entropy(density, book, bits):
    rng = np.random.default_rng(0)
    values = rng.standard_normal(200_000).astype(np.float32)
    if book:
        values = values[rng.integers(0, book, values.size)]
    values[rng.random(values.size) >= density] = 0
    assert 8 * len(encodings.encode(values)) / values.size < 1.08 * bits + 0.02


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_every_layer_round_trips(dtype, tmp_path):
    model, in_shape = every_layer(dtype)
    model.freeze("0")
    size = compress.save(model, tmp_path / "m")
    assert size == (tmp_path / "m").stat().st_size
    assert_equal(model, compress.load(tmp_path / "m"))
    x = np.random.default_rng(0).standard_normal((2, *in_shape)).astype(dtype)
    assert np.array_equal(model(x), compress.load(tmp_path / "m")(x))


def bound_model():
    rng = np.random.default_rng(0)
    model = mc.models.small_cnn(seed=0)
    for number, layer in enumerate((model[0], model[2], model[6])):
        weight = layer.weight
        weight.constrain(nn.Mask(rng.random(weight.shape) < 0.2))
        if number:
            group = np.where(weight.data != 0, rng.integers(0, 8, weight.shape), -1)
            weight.constrain(nn.Tied(group))
    model[6].weight.constrain(nn.Range(-1, 1))
    return model


def same_groups(a, b, data):
    """Whether the same values are tied, where more than one is."""
    for group in np.unique(a[a >= 0]):
        members = a == group
        if members.sum() > 1:
            assert len(np.unique(b[members])) == 1
            assert np.array_equal(b == b[members][0], members)


def test_constraints_come_back():
    model = bound_model()
    other = compress.from_bytes(compress.to_bytes(model))
    assert_equal(model, other)
    for name, parameter in model.parameters().items():
        rules, back = parameter.constraints, other.parameters()[name].constraints
        assert [type(r) for r in rules] == [type(r) for r in back]
        for rule, twin in zip(rules, back, strict=True):
            if isinstance(rule, nn.Mask):
                assert np.array_equal(rule.keep, twin.keep)
            elif isinstance(rule, nn.Tied):
                same_groups(rule.group, twin.group, parameter.data)
            else:
                assert rule.config() == twin.config()


def test_constraints_that_values_do_not_tell_come_back():
    model = bound_model()
    weight = model[0].weight
    weight.data[:] = 0  # the mask keeps places whose values are zero
    model[2].weight.data[:] = model[2].weight.data.max()  # all groups have one value
    model[2].weight.constraints = model[2].weight.constraints[1:]
    other = compress.from_bytes(compress.to_bytes(model))
    assert np.array_equal(other[0].weight.constraints[0].keep, weight.constraints[0].keep)
    ours, theirs = model[2].weight.constraints[0].group, other[2].weight.constraints[0].group
    assert np.array_equal(ours, theirs)


def test_a_tied_and_masked_model_costs_what_its_numbers_need():
    model = bound_model()
    linear = model[6].weight
    needed = 0.2 * linear.size * 3 / 8 + 0.722 * linear.size / 8
    with_constraints = len(compress.to_bytes(model))
    for parameter in model.parameters().values():
        parameter.constraints = []
    without = len(compress.to_bytes(model))
    assert with_constraints - without < 150
    assert without < 3 * needed  # biases, convolutions, the architecture


@pytest.fixture(scope="module")
def written():
    return compress.to_bytes(bound_model())


@given(st.data())
def test_any_damage_is_found(written, data):
    position = data.draw(st.integers(0, len(written) - 1))
    change = data.draw(st.integers(1, 255))
    damaged = bytearray(written)
    damaged[position] ^= change
    with pytest.raises(ValueError, match=r"expected|Expected"):
        compress.from_bytes(bytes(damaged))


@pytest.mark.parametrize("keep", [0, 3, 5, 12, 13, 20, 500, -1])
def test_a_file_cut_short_is_refused(written, keep):
    with pytest.raises(ValueError, match=r"expected|Expected"):
        compress.from_bytes(written[:keep])


def test_a_file_of_the_other_kind_is_named(tmp_path):
    mc.io.save(mc.models.small_cnn(), tmp_path / "m.mcnn")
    with pytest.raises(ValueError, match=r"minicnn.io.load"):
        compress.load(tmp_path / "m.mcnn")


def test_what_is_no_model_is_refused():
    with pytest.raises(TypeError, match="wants a layer"):
        compress.to_bytes({})


@pytest.mark.parametrize("body", [b"", b"\x05abc", b"\xff" * 20])
def test_nonsense_with_a_right_checksum_is_refused(body):
    from minicnn.compress import packed

    data = packed.MAGIC + packed._checksum(body) + body
    with pytest.raises(ValueError, match="cannot be read as a model"):
        compress.from_bytes(data)
