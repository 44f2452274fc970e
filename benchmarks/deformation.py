"""Elastic deformation of image and labels: this package, scipy and others."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from scipy import ndimage

from benchmarks.timing import Table, interleaved, milliseconds, peer, ratio
from napari_upaint.core.deformation import Warp, displacement_field, prefilter, warp_image, warp_labels

SIGMA = 10.0
OURS = "this package"
KEPT = "this package, spline coefficients kept (as in training: many tiles of one image)"
SCIPY = "scipy map_coordinates"
# Peers that draw their own field cannot be compared by value.
RANDOM = "its own random field"

Contestants = dict[str, Callable[[], tuple[Any, Any] | None]]


def tables() -> list[Table]:
    """Compare in 2D and 3D."""
    return [_compare((512, 512), rounds=11), _compare((64, 128, 128), rounds=3)]


def _compare(shape: tuple[int, ...], rounds: int) -> Table:
    rng = np.random.default_rng(0)
    image = ndimage.gaussian_filter(rng.random(shape), 1.0).astype(np.float32)
    image = (image - image.min()) / np.ptp(image)
    labels = ndimage.label(image > 0.55)[0].astype(np.int32)
    control = rng.normal(0, SIGMA, (len(shape), *(3,) * len(shape)))
    contestants = {**_ours(image, labels, control), **_peers(image, labels, control)}
    times = interleaved(contestants, rounds)
    reference = _scipy(image.astype(np.float64), labels, control)
    rows = []
    for name in sorted(times, key=lambda name: times[name]):
        difference = _difference(contestants[name](), reference, image)
        rows.append((name, milliseconds(times[name]), ratio(times[SCIPY] / times[name]), difference))
    return Table(
        f"Elastic deformation, {'x'.join(map(str, shape))}, image (cubic) and labels (nearest)",
        f"A grid of 3 points per axis, displaced by {SIGMA:g} px (standard deviation); all mirror the image at its "
        "borders. Last column: the largest difference in gray value (0..1) from scipy in float64, and the share of "
        "labels that differ.",
        ("", "ms", "times scipy's speed", "difference: gray, labels"),
        rows,
    )


def _difference(found: tuple[Any, Any] | None, reference: tuple[np.ndarray, np.ndarray], image: np.ndarray) -> str:
    if found is None:
        return RANDOM
    gray = np.abs(np.asarray(found[0]).reshape(image.shape) - reference[0]).max()
    return f"{gray:.1e}, {np.mean(np.asarray(found[1]).reshape(image.shape) != reference[1]):.2%}"


def _scipy(image: np.ndarray, labels: np.ndarray, control: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Interpolate the control points at every pixel, then sample image and labels at the displaced positions."""
    grid = np.meshgrid(*(np.linspace(0, 2, n) for n in image.shape), indexing="ij")
    where = np.indices(image.shape) + [ndimage.map_coordinates(c, grid, order=3, mode="mirror") for c in control]
    return (
        ndimage.map_coordinates(image, where, order=3, mode="mirror"),
        ndimage.map_coordinates(labels, where, order=0, mode="mirror"),
    )


def _ours(image: np.ndarray, labels: np.ndarray, control: np.ndarray) -> Contestants:
    warp = Warp(image.shape, np.eye(image.ndim), (np.array(image.shape) - 1) / 2, control)
    kept = prefilter(image[None])
    where = np.indices(image.shape, np.float32)

    def separable() -> tuple[np.ndarray, np.ndarray]:
        positions = where + displacement_field(image.shape, control)
        return (
            ndimage.map_coordinates(image, positions, order=3, mode="mirror"),
            ndimage.map_coordinates(labels, positions, order=0, mode="mirror"),
        )

    return {
        OURS: lambda: (warp_image(image[None], warp)[0], warp_labels(labels, warp)),
        KEPT: lambda: (warp_image(kept, warp, prefiltered=True)[0], warp_labels(labels, warp)),
        SCIPY: lambda: _scipy(image, labels, control),
        "scipy, with this package's field": separable,
    }


def _peers(image: np.ndarray, labels: np.ndarray, control: np.ndarray) -> Contestants:
    found: Contestants = {}
    if elasticdeform := peer("elasticdeform"):
        found["elasticdeform"] = lambda: tuple(
            elasticdeform.deform_grid([image, labels], control, order=[3, 0], mode="mirror")
        )
    if spatial := peer("batchgenerators.augmentations.spatial_transformations"):
        found["batchgenerators"] = lambda: _batchgenerators(spatial, image, labels)
    if peer("torch") and (monai := peer("monai.transforms")):
        found["MONAI" if image.ndim == 2 else "MONAI (linear)"] = _monai(monai, image, labels)
    if image.ndim == 2:
        found.update(_planar_peers(image, labels, control))
    return found


def _batchgenerators(spatial: Any, image: np.ndarray, labels: np.ndarray) -> None:
    spatial.augment_spatial(
        image[None, None],
        labels[None, None],
        image.shape,
        alpha=(100.0, 100.0),
        sigma=(10.0, 10.0),
        do_rotation=False,
        do_scale=False,
        random_crop=False,
        border_mode_data="mirror",
    )


def _monai(monai: Any, image: np.ndarray, labels: np.ndarray) -> Callable[[], None]:
    import torch

    keys, modes = ("image", "labels"), ("bicubic" if image.ndim == 2 else "bilinear", "nearest")
    common: dict[str, Any] = {"prob": 1.0, "mode": modes, "padding_mode": "reflection"}
    if image.ndim == 2:
        warp = monai.Rand2DElasticd(keys, spacing=(256, 256), magnitude_range=(10, 10), **common)
    else:
        warp = monai.Rand3DElasticd(keys, sigma_range=(10, 10), magnitude_range=(100, 100), **common)
    pair = {"image": torch.from_numpy(image[None]), "labels": torch.from_numpy(labels[None].astype(np.float32))}
    return lambda: void(warp(dict(pair)))


def _planar_peers(image: np.ndarray, labels: np.ndarray, control: np.ndarray) -> Contestants:
    found: Contestants = {}
    cv2 = peer("cv2")
    if cv2:
        y, x = np.indices(image.shape, np.float32)

        def remap() -> tuple[np.ndarray, np.ndarray]:
            dy, dx = displacement_field(image.shape, control)
            gray = cv2.remap(image, x + dx, y + dy, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT_101)
            nearest = cv2.remap(
                labels.astype(np.float32), x + dx, y + dy, cv2.INTER_NEAREST, borderMode=cv2.BORDER_REFLECT_101
            )
            return gray, nearest.astype(np.int32)

        found["OpenCV remap, with this package's field (another cubic kernel)"] = remap
    if cv2 and (albumentations := peer("albumentations")):
        warp = albumentations.ElasticTransform(alpha=100, sigma=10, interpolation=cv2.INTER_CUBIC, p=1)
        small = labels.astype(np.int16)
        found["albumentations (exact)"] = lambda: void(warp(image=image, mask=small))
    if (torch := peer("torch")) and (kornia := peer("kornia.geometry.transform")):
        gray, ids = torch.from_numpy(image[None, None]), torch.from_numpy(labels[None, None].astype(np.float32))

        def twice() -> None:
            noise = torch.randn(1, 2, *image.shape)
            for one, mode in ((gray, "bicubic"), (ids, "nearest")):
                kornia.elastic_transform2d(one, noise, (63, 63), (10.0, 10.0), (0.1, 0.1), mode=mode)

        found["kornia"] = twice
    return found


def void(_: Any) -> None:
    """Forget a result that cannot be compared."""
