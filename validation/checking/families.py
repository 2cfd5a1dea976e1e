"""Structured moves: exact ties, rank one, equal rows, aligned directions, ratio exactly 1, ...

Violations can sit on sets that no gradient finds: two numbers equal, a parameter equal to an
eigenvalue, a row of zeros. A move puts an instance onto such a set, or draws one of its factors
anew from the factor's own families.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from validation.arithmetic.values import Value
from validation.claims import Claim
from validation.instances import Instance
from validation.instances.factors import Raw
from validation.instances.sources import NumpySource

Array = NDArray[np.float64]

KINDS = ("entry", "array", "tie", "several", "factor", "other", "smaller")
_UP_TO = (0.27, 0.49, 0.61, 0.75, 0.87, 0.96)  # shares of the kinds, added up


class Leaf(NamedTuple):
    """A part of the numbers that belongs together, with its shape."""

    start: int
    stop: int
    shape: tuple[int, ...]


def leaves(claim: Claim, instance: Instance) -> list[Leaf]:
    """The arrays that the instance's numbers are made of."""
    found = []
    start = 0
    for name, factor in claim.instances.factors.items():
        raw = instance.raw[name]
        size = factor.parameters(raw).values.size
        shapes = [np.shape(value) for value in _arrays(raw)]
        if sum(int(np.prod(shape)) for shape in shapes) != size:
            shapes = [(size,)]
        for shape in shapes:
            stop = start + int(np.prod(shape))
            if stop > start:
                found.append(Leaf(start, stop, shape))
            start = stop
    return found


def _arrays(raw: Raw) -> list[Value]:
    if isinstance(raw, dict):
        return [array for value in raw.values() for array in _arrays(value)]
    if isinstance(raw, float) or (isinstance(raw, np.ndarray) and raw.dtype.kind == "f"):
        return [raw]
    return []


def moved(
    claim: Claim, instance: Instance, rng: np.random.Generator, others: list[Instance] | None = None
) -> Instance:
    """One structured move away, at random; `others` are instances to take parts of."""
    kind = KINDS[int(np.searchsorted(_UP_TO, rng.random(), side="right"))]
    if kind == "factor":
        return _redrawn(claim, instance, rng)
    if kind == "other":
        return _crossed(instance, rng, others or [])
    if kind == "smaller":
        return _smaller(claim, instance, rng)
    numbers = claim.instances.parameters(instance)
    values = numbers.values.copy()
    if not values.size:
        return _redrawn(claim, instance, rng)
    parts = leaves(claim, instance)
    if kind == "entry":
        i = int(rng.integers(values.size))
        values[i] = _entry(values, i, numbers.low[i], numbers.high[i], rng)
    elif kind == "array":
        leaf = parts[int(rng.integers(len(parts)))]
        array = values[leaf.start : leaf.stop].reshape(leaf.shape)
        values[leaf.start : leaf.stop] = _array(array, rng).ravel()
    elif kind == "several":
        values = together(values, parts, rng)
        if np.array_equal(values, numbers.values):  # nothing that belongs together
            values = _tie(values, parts, rng)
    else:
        values = _tie(values, parts, rng)
    values = np.clip(np.nan_to_num(values), numbers.low, numbers.high)
    return claim.instances.with_parameters(instance, values)


def snaps(claim: Claim, instance: Instance) -> Iterator[Instance]:
    """Every number set to 0, 1, -1, a power of two, an integer, and to every other number."""
    numbers = claim.instances.parameters(instance)
    for i, value in enumerate(numbers.values):
        options = [0.0, 1.0, -1.0, float(np.rint(value)), _power(value)]
        options += [float(v) for v in numbers.values]
        for option in dict.fromkeys(options):
            option = float(np.clip(option, numbers.low[i], numbers.high[i]))
            if option != value:
                values = numbers.values.copy()
                values[i] = option
                yield claim.instances.with_parameters(instance, values)


def _power(value: float) -> float:
    if value == 0 or not np.isfinite(value):
        return 0.0
    return float(np.copysign(2.0 ** np.rint(np.log2(abs(value))), value))


def _entry(values: Array, i: int, low: float, high: float, rng: np.random.Generator) -> float:
    value, other = values[i], values[int(rng.integers(values.size))]
    near = 2.0 ** -float(rng.integers(8, 40))
    options = [
        0.0, 1.0, -1.0, -value, float(np.rint(value)), _power(value), other, -other,
        other * (1 + near), value * 10.0 ** float(rng.integers(1, 7)),
        value * 10.0 ** -float(rng.integers(1, 7)), 2 * value, value / 2,
        float(rng.integers(-3, 4)), low, high,
    ]  # fmt: skip
    options = [option for option in options if np.isfinite(option)]
    return float(options[int(rng.integers(len(options)))])


def _array(array: Array, rng: np.random.Generator) -> Array:
    move = _ARRAY_MOVES[int(rng.integers(len(_ARRAY_MOVES)))]
    with np.errstate(all="ignore"):
        try:
            return np.asarray(move(array, rng), dtype=np.float64)
        except np.linalg.LinAlgError:
            return array


def _scaled(array: Array, rng: np.random.Generator) -> Array:
    result: Array = array * 10.0 ** float(rng.integers(-6, 7))
    return result


def _rounded(array: Array, rng: np.random.Generator) -> Array:
    unit = 2.0 ** float(rng.integers(-3, 1))
    result: Array = np.rint(array / unit) * unit
    return result


def _to_signs(array: Array, rng: np.random.Generator) -> Array:
    return np.sign(array)


def _all_equal(array: Array, rng: np.random.Generator) -> Array:
    return np.full_like(array, array.flat[int(rng.integers(array.size))])


def _equal_slices(array: Array, rng: np.random.Generator) -> Array:
    """One slice along an axis equals another, up to sign, or nearly."""
    axis = int(rng.integers(max(array.ndim, 1)))
    result = np.moveaxis(np.atleast_1d(array).copy(), axis, 0)
    i, j = rng.integers(len(result), size=2)
    result[i] = result[j] * rng.choice([1.0, 1.0, -1.0, 1 + 2.0**-20])
    return np.moveaxis(result, 0, axis).reshape(array.shape)


def _zero_slice(array: Array, rng: np.random.Generator) -> Array:
    axis = int(rng.integers(max(array.ndim, 1)))
    result = np.moveaxis(np.atleast_1d(array).copy(), axis, 0)
    result[int(rng.integers(len(result)))] = 0.0
    return np.moveaxis(result, 0, axis).reshape(array.shape)


def _alternating(array: Array, rng: np.random.Generator) -> Array:
    """Period two along an axis."""
    axis = int(rng.integers(max(array.ndim, 1)))
    result = np.moveaxis(np.atleast_1d(array).copy(), axis, 0)
    result[:] = result[:1]
    result[1::2] *= rng.choice([-1.0, 0.0])
    return np.moveaxis(result, 0, axis).reshape(array.shape)


def _geometric(array: Array, rng: np.random.Generator) -> Array:
    axis = int(rng.integers(max(array.ndim, 1)))
    result = np.moveaxis(np.atleast_1d(array).copy(), axis, 0)
    powers = rng.choice([0.5, 0.1, 0.9, 2.0]) ** np.arange(len(result))
    result[:] = result[:1] * powers.reshape(-1, *[1] * (result.ndim - 1))
    return np.moveaxis(result, 0, axis).reshape(array.shape)


def _of_singular_values(change: Callable[[Array, np.random.Generator], Array]) -> Value:
    def move(array: Array, rng: np.random.Generator) -> Array:
        if array.ndim != 2:
            return _scaled(array, rng)
        U, s, V = np.linalg.svd(array, full_matrices=False)
        result: Array = (U * change(s, rng)) @ V
        return result

    return move


def _first_only(s: Array, rng: np.random.Generator) -> Array:
    return np.where(np.arange(s.size) == 0, s, 0.0)


def _equal(s: Array, rng: np.random.Generator) -> Array:
    return np.full_like(s, s.max(initial=0.0) or 1.0)


def _nearly_singular(s: Array, rng: np.random.Generator) -> Array:
    return np.where(np.arange(s.size) == s.size - 1, s * 2.0**-20, s)


def _diagonal(array: Array, rng: np.random.Generator) -> Array:
    if array.ndim != 2:
        return _rounded(array, rng)
    return np.where(np.eye(*array.shape) > 0, array, 0.0)


def _rotated_to_axes(array: Array, rng: np.random.Generator) -> Array:
    """The singular values on the diagonal."""
    if array.ndim != 2:
        return np.sort(array, axis=None)[::-1].reshape(array.shape)
    result = np.zeros_like(array)
    np.fill_diagonal(result, np.linalg.svd(array, compute_uv=False))
    return result


def _norm_one(array: Array, rng: np.random.Generator) -> Array:
    """The largest entry, the Frobenius norm or the spectral norm becomes 1."""
    norms = [np.abs(array).max(), np.sqrt((array**2).sum())]
    if array.ndim == 2:
        norms.append(np.linalg.norm(array, 2))
    norm = norms[int(rng.integers(len(norms)))]
    return array / norm if norm > 0 else array


_ARRAY_MOVES: list[Value] = [
    _scaled, _rounded, _to_signs, _all_equal, _equal_slices, _zero_slice, _alternating,
    _geometric, _diagonal, _rotated_to_axes, _norm_one, _of_singular_values(_first_only),
    _of_singular_values(_equal), _of_singular_values(_nearly_singular),
    lambda array, rng: np.zeros_like(array),
    lambda array, rng: np.abs(array),
    lambda array, rng: -array,
]  # fmt: skip


def _tie(values: Array, parts: list[Leaf], rng: np.random.Generator) -> Array:
    """One array tied to another: a number to its norms or eigenvalues, rows to its directions."""
    to = parts[int(rng.integers(len(parts)))]
    source = parts[int(rng.integers(len(parts)))]
    array = values[source.start : source.stop].reshape(source.shape)
    result = values.copy()
    if to.stop - to.start == 1:
        result[to.start] = _derived(array, rng)
        return result
    try:
        directions = np.linalg.svd(array)[0 if rng.integers(2) else 2] if array.ndim == 2 else array
    except np.linalg.LinAlgError:
        return result
    rows = [directions[:, 0], directions[0]] if directions.ndim == 2 else [directions.ravel()]
    fitting = [row for row in rows if row.size == to.shape[-1]]
    if fitting:
        target = result[to.start : to.stop].reshape(-1, to.shape[-1])
        target[int(rng.integers(len(target)))] = fitting[int(rng.integers(len(fitting)))]
        result[to.start : to.stop] = target.ravel()
    elif source.stop - source.start == 1:
        result[to.start + int(rng.integers(to.stop - to.start))] = values[source.start]
    return result


def together(values: Array, parts: list[Leaf], rng: np.random.Generator) -> Array:
    """Several arrays brought into one structure.

    Arrays of one shape become equal, opposite, nearly equal, permuted copies of each other, or
    multiples; matrices with the same number of rows, those of a stack included, get common left
    singular vectors (so that F F^T commute), nearly common ones, or common ones in rank one; or all
    become block diagonal or symmetric under the same permutation of the nodes.
    """
    result = values.copy()
    arrays = [result[p.start : p.stop].reshape(p.shape) for p in parts]  # views
    matrices = [m for array in arrays for m in _matrices(array)]
    groups: dict[tuple[int, ...], list[Array]] = {}
    for array in [*matrices, *(a for a in arrays if a.ndim < 2 and a.size > 1)]:
        groups.setdefault(array.shape, []).append(array)
    alike = [group for group in groups.values() if len(group) > 1]
    by_rows: dict[int, list[Array]] = {}
    for matrix in matrices:
        by_rows.setdefault(len(matrix), []).append(matrix)
    rows = [group for n, group in by_rows.items() if len(group) > 1 and n > 1]
    with np.errstate(all="ignore"):
        try:
            if alike and (not rows or rng.integers(2)):
                _copied(alike[int(rng.integers(len(alike)))], rng)
            elif rows:
                group = rows[int(rng.integers(len(rows)))]
                _SEVERAL[int(rng.integers(len(_SEVERAL)))](group, rng)
        except np.linalg.LinAlgError:
            return values
    return result


def _matrices(array: Array) -> list[Array]:
    if array.ndim < 2 or min(array.shape[-2:]) == 0:
        return []
    return list(array.reshape(-1, *array.shape[-2:]))


def _copied(group: list[Array], rng: np.random.Generator) -> None:
    """One array of the group is copied to some or all others, up to a simple change."""
    source = group[int(rng.integers(len(group)))].copy()
    change = int(rng.integers(5))
    targets = group if rng.integers(2) else [group[int(rng.integers(len(group)))]]
    for target in targets:
        if change == 1:
            target[...] = -source
        elif change == 2:
            target[...] = source * (1 + 2.0 ** -float(rng.integers(8, 30)) * rng.choice([1, -1]))
        elif change == 3:
            target[...] = source[rng.permutation(len(source))]
        elif change == 4:
            target[...] = source * rng.choice([2.0, 0.5, 1 / 1024, 1024.0])
        else:
            target[...] = source


def _common_vectors(group: list[Array], rng: np.random.Generator) -> None:
    """The same left singular vectors: the products F F^T commute."""
    U = np.linalg.svd(group[int(rng.integers(len(group)))])[0]
    for matrix in group:
        s = np.linalg.svd(matrix, compute_uv=False)
        matrix[...] = U[:, : s.size] @ np.diag(rng.permutation(s)) @ np.eye(s.size, matrix.shape[1])


def _nearly_common_vectors(group: list[Array], rng: np.random.Generator) -> None:
    _common_vectors(group, rng)
    matrix = group[int(rng.integers(len(group)))]
    matrix += (
        2.0 ** -float(rng.integers(3, 20))
        * np.abs(matrix).max()
        * rng.standard_normal(matrix.shape)
    )


def _common_direction(group: list[Array], rng: np.random.Generator) -> None:
    """All of rank one, with one direction, or with directions at equal angles to each other."""
    m = len(group[0])
    first = rng.integers(-2, 3, m).astype(float)
    first = first if first.any() else np.ones(m)
    second = rng.integers(-2, 3, m).astype(float)
    turning = bool(rng.integers(2))
    for i, matrix in enumerate(group):
        angle = np.pi * i / len(group) if turning else 0.0
        matrix[...] = 0.0
        matrix[:, 0] = np.cos(angle) * first + np.sin(angle) * second


def _blocks(group: list[Array], rng: np.random.Generator) -> None:
    """The same block diagonal form."""
    m = len(group[0])
    cut = int(rng.integers(1, m))
    for matrix in group:
        matrix[:cut, cut:] = 0.0
        matrix[cut:, :cut] = 0.0


def _symmetric_nodes(group: list[Array], rng: np.random.Generator) -> None:
    """Unchanged where the same two nodes are exchanged, in rows and, of square ones, columns."""
    m = len(group[0])
    order = np.arange(m)
    i, j = rng.permutation(m)[:2]
    order[[i, j]] = order[[j, i]]
    for matrix in group:
        turned = matrix[order][:, order] if matrix.shape[1] == m else matrix[order]
        matrix[...] = (matrix + turned) / 2


_SEVERAL: list[Value] = [
    _common_vectors, _nearly_common_vectors, _common_direction, _blocks, _symmetric_nodes,
]  # fmt: skip


def _derived(array: Array, rng: np.random.Generator) -> float:
    """A number that is equal to an entry, a norm, an eigenvalue of A A^T, or an inverse."""
    options = [float(v) for v in array.ravel()[:8]]
    options += [float(np.abs(array).max()), float((array**2).sum()), float(np.abs(array).sum())]
    if array.ndim == 2:
        try:
            s = np.linalg.svd(array, compute_uv=False)
        except np.linalg.LinAlgError:
            s = np.zeros(0)
        options += [float(v) for v in s] + [float(v * v) for v in s]
    value = options[int(rng.integers(len(options)))]
    factor = float(rng.choice([1, 1, 1, 2, 0.5, 3, 1 / 3, 1 + 2.0**-20, 1 - 2.0**-20, -1]))
    return factor / value if value and not rng.integers(4) else factor * value


def _redrawn(claim: Claim, instance: Instance, rng: np.random.Generator) -> Instance:
    names = list(claim.instances.factors)
    name = names[int(rng.integers(len(names)))]
    value = claim.instances.factors[name].make(NumpySource(rng), instance.sizes)
    return Instance(instance.sizes, {**instance.raw, name: value})


def _crossed(instance: Instance, rng: np.random.Generator, others: list[Instance]) -> Instance:
    fitting = [other for other in others if other.sizes == instance.sizes]
    if not fitting:
        return instance
    other = fitting[int(rng.integers(len(fitting)))]
    names = list(instance.raw)
    name = names[int(rng.integers(len(names)))]
    return Instance(instance.sizes, {**instance.raw, name: other.raw[name]})


def _smaller(claim: Claim, instance: Instance, rng: np.random.Generator) -> Instance:
    sizes = [name for name, size in instance.sizes.items() if size > 0]
    if not sizes:
        return instance
    name = sizes[int(rng.integers(len(sizes)))]
    smaller = claim.instances.drop(instance, name, int(rng.integers(instance.sizes[name])))
    return instance if smaller is None else smaller
