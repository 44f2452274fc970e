"""A second device, "card", written in Python: computers without a graphics card, too, can run what is meant for one.

Its tensors lie in ordinary memory and are computed by the processor, but torch takes them for those of another device:
it refuses to mix the two, or to turn a tensor of the card into a numpy array. torch calls what this uses experimental.
"""

import ctypes
from typing import Any

import torch
from torch.utils import _pytree as trees
from torch.utils import backend_registration

AVAILABLE = hasattr(backend_registration, "_setup_privateuseone_for_python_backend")
_CPU, _EXTENSION = 1, 12  # types of devices in DLPack
_COPIES = ("aten::_copy_from", "aten::_copy_from_and_resize")
_INDEXING = ("aten::index", "aten::index_put_", "aten::_index_put_impl_")  # graphics cards take indices from anywhere
# torch makes these from others, which would have to enlarge memory that is not theirs.
_WHOLE = (
    *("arange", "arange.start", "arange.start_step"),
    *("convolution_overrideable", "convolution_backward_overrideable"),
    *("native_group_norm", "native_group_norm_backward"),
)
_KEPT: list[Any] = []  # a library lasts as long as its object

_pointer = ctypes.pythonapi.PyCapsule_GetPointer
_pointer.restype, _pointer.argtypes = ctypes.c_void_p, [ctypes.py_object, ctypes.c_char_p]


class _Head(ctypes.Structure):
    """The beginning of a DLPack tensor."""

    _fields_ = (("data", ctypes.c_void_p), ("device_type", ctypes.c_int32))


def install() -> None:
    """Add the device to torch, for the rest of this process."""
    backend_registration._setup_privateuseone_for_python_backend("card")
    everything = torch.library.Library("_", "IMPL", "PrivateUse1")
    everything.fallback(_compute)
    library = torch.library.Library("aten", "IMPL", "PrivateUse1")
    for name in _WHOLE:
        packet, _, overload = name.partition(".")
        operation = getattr(getattr(torch.ops.aten, packet), overload or "default")
        library.impl(name, lambda *args, _operation=operation, **options: _compute(_operation, *args, **options))
    _KEPT.extend((everything, library))
    usual = torch.Tensor.__deepcopy__
    torch.Tensor.__deepcopy__ = lambda self, memo: _copied(self, memo, usual)


def _seen_as(tensor: torch.Tensor, device_type: int) -> torch.Tensor:
    """Return a tensor in the same memory that belongs to another device."""
    capsule = torch._C._to_dlpack(tensor.detach())
    _Head.from_address(_pointer(capsule, b"dltensor")).device_type = device_type
    return torch._C._from_dlpack(capsule)


def _compute(operation: Any, *args: Any, **options: Any) -> Any:
    """Do any operation of torch on tensors of the card."""
    name = operation._schema.name
    pairs = []

    def down(x: Any) -> Any:
        if isinstance(x, torch.device):
            return torch.device("cpu")
        if not isinstance(x, torch.Tensor):
            return x
        if x.device.type == "card":
            raw = _seen_as(x, _CPU) if x.numel() else torch.empty(x.shape, dtype=x.dtype)
            pairs.append((raw, x))
            return raw
        if x.ndim and name not in _COPIES + _INDEXING:
            raise RuntimeError(f"{operation} got tensors of the card and one of {x.device}, {tuple(x.shape)}.")
        return x

    def up(x: Any) -> Any:
        if not isinstance(x, torch.Tensor):
            return x
        given = [card for raw, card in pairs if raw is x]  # operations that change a tensor return it
        return given[0] if given else _seen_as(x, _EXTENSION)

    below, below_options = trees.tree_map(down, (args, options))
    with torch.no_grad():
        if name in _COPIES:
            below[1].copy_(below[0])
            return args[1]
        if name == "aten::convolution_overrideable":
            operation = torch.ops.aten.convolution.default
        if name == "aten::convolution_backward_overrideable":
            gradient, image, weight, *how, wanted = below
            transposed, groups = how[3], how[5]
            bias = [weight.shape[1] * groups if transposed else weight.shape[0]]
            operation = torch.ops.aten.convolution_backward.default
            below = (gradient, image, weight, bias, *how, wanted)
        found = operation(*below, **below_options)
    for raw, card in pairs:
        if raw.shape != card.shape:  # an empty output that was given its size
            card.data = _seen_as(raw, _EXTENSION)
    return trees.tree_map(up, found)


def _copied(tensor: torch.Tensor, memo: dict[int, Any], usual: Any) -> torch.Tensor:
    """Copy a tensor as `copy.deepcopy` does; torch asks the device for memory, which this one has not."""
    if tensor.device.type != "card" or type(tensor) is not torch.Tensor:
        return usual(tensor, memo)
    if id(tensor) not in memo:
        memo[id(tensor)] = tensor.detach().clone().requires_grad_(tensor.requires_grad)
    return memo[id(tensor)]
