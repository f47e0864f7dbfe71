"""The inputs of the fuzz driver: how each kind is written, corrupted and read."""

import bz2
import gzip
import io
import os
import shutil
import struct
import tarfile
import warnings
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import h5py
import numpy as np
import torch
import yaml
from mutations import BYTES, TEXT, mutate
from numpy.typing import NDArray
from PIL import Image
from scipy.io import savemat
from torchvision.transforms import v2

from lr_lightning.data.factor_space import FactorSpace
from lr_lightning.data.sets.cars3d import Cars3D
from lr_lightning.data.sets.dsprites import DSprites
from lr_lightning.data.sets.mnist import MNIST
from lr_lightning.data.sets.picture_folder import PictureFolder
from lr_lightning.data.sets.small_norb import SMALL_NORB_CHUNKS, SmallNORB
from lr_lightning.data.sets.torchvision_dataset import TorchvisionDataset

_PIXELS = np.random.default_rng(0).integers(2, 256, (6, 8, 7, 3), dtype=np.uint8)
_LABELS = np.array([[hue, side] for hue in range(3) for side in range(2)])
_FACTORS = {"hue": ["red", "green", "blue"], "side": [0.5, 1]}
_CARS = FactorSpace(["elevation", "azimuth", "object"], [1, 2, 2])
_TOYS = FactorSpace(["category", "elevation", "azimuth", "lighting", "instance"], [2, 1, 1, 1, 2])
_SPRITES = FactorSpace(["color", "shape", "scale"], [1, 3, 2])

Corruption = Callable[[Path], None]


@dataclass(frozen=True)
class Kind:
    """A kind of input.

    Attributes:
        name: Name of the kind.
        write: Writes intact files to an empty folder.
        read: Reads the files in a folder as a user would, and returns the exit code or raises.
        targets: Pattern of the files to corrupt.
        text: Whether they are text.
        malicious: Malicious inputs: functions that write them to the folder of intact files.
        imports: Whether reading starts with long imports, so that intact files are read once before the clock starts.
    """

    name: str
    write: Callable[[Path], None]
    read: Callable[[Path], int | None]
    targets: str
    text: bool = False
    malicious: tuple[Corruption, ...] = ()
    imports: bool = False


def corrupt(kind: Kind, folder: Path, random: np.random.Generator) -> None:
    """Corrupt one of the files in ``folder``: its bytes or, equally often, its compressed content."""
    files = sorted(path for path in folder.glob(kind.targets) if path.is_file())
    path = files[int(random.integers(len(files)))]
    content, mutations = path.read_bytes(), TEXT if kind.text else BYTES
    if random.random() < 0.5 and path.suffix in (".npz", ".ckpt"):
        content = _corrupt_member(content, random)
    elif random.random() < 0.7 and path.suffix == ".gz":
        content = gzip.compress(mutate(gzip.decompress(content), mutations, random), 1)
    else:
        content = mutate(content, mutations, random)
    path.write_bytes(content)


def _corrupt_member(content: bytes, random: np.random.Generator) -> bytes:
    """Corrupt one member of a zip archive, and give it a valid checksum."""
    packed = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as archive, zipfile.ZipFile(packed, "w") as corrupted:
        members = archive.infolist()
        chosen = int(random.integers(len(members)))
        for place, member in enumerate(members):
            inside = archive.read(member)
            corrupted.writestr(
                member, mutate(inside, TEXT, random) if place == chosen else inside, member.compress_type
            )
    return packed.getvalue()


# --- codes -----------------------------------------------------------------------------------------------------------


def _write_codes(folder: Path) -> None:
    random = np.random.default_rng(0)
    codes, factors = random.normal(size=(90, 3)), random.integers(4, size=(90, 2))
    np.savez_compressed(folder / "codes.npz", codes=codes.astype(np.float32), factors=factors, log_variances=codes - 2)


def _score(folder: Path) -> int:
    from lr_lightning.commands.score.command import main

    return main([str(folder / "codes.npz"), "--metrics", "mig,modularity,sap_r2,active_units,kl_per_latent,irs"])


def _npy(shape: object, descr: str = "<f4") -> bytes:
    header = f"{{'descr': {descr!r}, 'fortran_order': False, 'shape': {shape}, }}".encode().ljust(117) + b"\n"
    return b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header


def _codes(shape: object, descr: str = "<f4", compression: int = zipfile.ZIP_DEFLATED) -> Corruption:
    def write(folder: Path) -> None:
        with zipfile.ZipFile(folder / "codes.npz", "w", compression) as archive:
            archive.writestr("codes.npy", _npy(shape, descr) + bytes(64))

    return write


def _zip_bomb(gigabytes: int, array: str = "codes.npy", name: str = "codes.npz") -> Corruption:
    """Return a function that writes an archive with a highly compressed array of zeros and no valid checksum."""

    def write(folder: Path) -> None:
        head = _npy((gigabytes << 30,), "|u1") if "images" in array else _npy((gigabytes << 28, 1))
        block, deflate = bytes(1 << 20), zlib.compressobj(9, zlib.DEFLATED, -15)
        packed = [deflate.compress(head) + deflate.flush(zlib.Z_FULL_FLUSH)]
        packed += [deflate.compress(block) + deflate.flush(zlib.Z_FULL_FLUSH)] * (gigabytes << 10)
        packed.append(deflate.flush(zlib.Z_FINISH))
        content, size = b"".join(packed), len(head) + (gigabytes << 30)
        wide = struct.pack("<HHQQ", 1, 16, size, len(content))
        common = struct.pack("<HHHHHIIIHH", 45, 0, 8, 0, 0, 0, 2**32 - 1, 2**32 - 1, len(array), len(wide))
        local = b"PK\x03\x04" + common + array.encode() + wide + content
        central = b"PK\x01\x02" + struct.pack("<H", 45) + common + struct.pack("<HHHII", 0, 0, 0, 0, 0)
        central += array.encode() + wide
        end = b"PK\x05\x06" + struct.pack("<HHHHIIH", 0, 0, 1, 1, len(central), len(local), 0)
        (folder / name).write_bytes(local + central + end)

    return write


def _encrypted(folder: Path) -> None:
    with zipfile.ZipFile(folder / "codes.npz", "w") as archive:
        archive.writestr("codes.npy", _npy((4, 4)) + bytes(64))
    content = bytearray((folder / "codes.npz").read_bytes())
    for signature, place in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        content[content.index(signature) + place] |= 1
    (folder / "codes.npz").write_bytes(bytes(content))


# --- custom data sets ------------------------------------------------------------------------------------------------


def _describe(folder: Path, **entries: object) -> None:
    content = {"name": "bars", "factors": _FACTORS, **entries}
    (folder / "set.yaml").write_text(yaml.safe_dump(content, sort_keys=False))


def _write_npz_set(folder: Path) -> None:
    np.savez_compressed(folder / "images.npz", images=_PIXELS, labels=_LABELS * [1, 0.5] + [0, 0.5])
    _describe(folder, images="images.npz", labels="labels")


def _write_h5_set(folder: Path) -> None:
    with h5py.File(folder / "images.h5", "w") as file:
        file.create_dataset("train/images", data=_PIXELS, chunks=(2, 8, 7, 3), compression="gzip")
        file["train/labels"] = _LABELS * [1, 0.5] + [0, 0.5]
    _describe(folder, images="images.h5", key="train/images", labels="train/labels")


def _write_picture_set(folder: Path) -> None:
    (folder / "images").mkdir()
    for i, (pixels, suffix) in enumerate(zip(_PIXELS, ("png", "jpg", "bmp", "gif", "tiff", "webp"), strict=True)):
        Image.fromarray(pixels).save(folder / "images" / f"{i}.{suffix}")
    names = sorted(path.name for path in (folder / "images").iterdir())
    labels = [(["red", "green", "blue"][hue], [0.5, 1][side]) for hue, side in _LABELS]
    rows = [f"{name},{hue},{side}\n" for name, (hue, side) in zip(names, labels, strict=True)]
    (folder / "labels.csv").write_text("file,hue,side\n" + "".join(rows))
    _describe(folder, images="images", labels="labels.csv")


def _write_photographs(folder: Path) -> None:
    (folder / "trip").mkdir()
    exif = Image.Exif()
    exif[0x0112] = 6
    for i, (pixels, suffix) in enumerate(zip(_PIXELS, ("png", "jpg", "bmp", "gif", "tiff", "webp"), strict=True)):
        Image.fromarray(pixels[i:]).save(folder / "trip" / f"{i}.{suffix}", exif=exif)


def _read_photographs(folder: Path) -> None:
    PictureFolder(folder, [v2.Resize(6), v2.CenterCrop(4)]).images(torch.arange(2))


def _animation(path: Path) -> None:
    frames = [Image.fromarray(pixels) for pixels in _PIXELS]
    frames[0].save(path, save_all=True, append_images=frames[1:])


def _prepare(folder: Path) -> int:
    from lr_lightning.commands.data.command import main

    return main(["prepare", str(folder / "set.yaml")])


def _info(folder: Path) -> int:
    from lr_lightning.commands.data.command import main

    return main(["info", str(folder / "set.yaml")])


def _yaml(text: str) -> Corruption:
    return lambda folder: _write(folder / "set.yaml", text.encode("utf-8", "surrogatepass"))


def _write(path: Path, content: bytes) -> None:
    path.unlink(missing_ok=True)
    path.write_bytes(content)


def _nested_aliases(last: str) -> str:
    names = "abcdefghijklmnop"
    lines = [f"{b}: &{b} [{', '.join([f'*{a}'] * 9)}]\n" for a, b in pairwise(names)]
    return f"a: &a [x]\n{''.join(lines)}{last}: *p\n"


def _special(make: Callable[[Path], None], name: str = "images/3.gif") -> Corruption:
    def corrupt_(folder: Path) -> None:
        (folder / name).unlink()
        make(folder / name)

    return corrupt_


def _postscript(path: Path) -> None:
    path.write_text("%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 7 8\n")


def _png_bomb(path: Path) -> None:
    chunks = (
        (b"IHDR", struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)),
        (b"IDAT", zlib.compress(b"")),
        (b"IEND", b""),
    )
    parts = [struct.pack(">I", len(c)) + n + c + struct.pack(">I", zlib.crc32(n + c)) for n, c in chunks]
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(parts))


def _h5_claim(folder: Path) -> None:
    with h5py.File(folder / "images.h5", "w") as file:
        file.create_dataset("train/images", (10**12, 64, 64, 3), np.uint8, chunks=(1, 64, 64, 3))
        file.create_dataset("train/labels", (10**12, 2), np.float64, chunks=(1, 2))


# --- public files ----------------------------------------------------------------------------------------------------


def _idx(array: NDArray[np.uint8]) -> bytes:
    return bytes([0, 0, 8, array.ndim]) + np.array(array.shape, ">u4").tobytes() + array.tobytes()


def _write_digits(folder: Path) -> None:
    images = np.random.default_rng(0).integers(256, size=(20, 28, 28), dtype=np.uint8)
    (folder / "t10k-images-idx3-ubyte.gz").write_bytes(gzip.compress(_idx(images)))
    (folder / "t10k-labels-idx1-ubyte").write_bytes(_idx(np.arange(20, dtype=np.uint8) % 10))


def _read_digits(folder: Path) -> None:
    MNIST(folder, "test").images(torch.arange(2))


def _idx_bomb(folder: Path) -> None:
    """Write four gigabytes of zeros behind a header of six images."""
    block, deflate = bytes(1 << 20), zlib.compressobj(9, zlib.DEFLATED, 31)
    packed = [deflate.compress(_idx(np.zeros((6, 28, 28), np.uint8))) + deflate.flush(zlib.Z_FULL_FLUSH)]
    packed += [deflate.compress(block) + deflate.flush(zlib.Z_FULL_FLUSH)] * 4096
    (folder / "t10k-images-idx3-ubyte.gz").write_bytes(b"".join(packed))


def _idx_claim(folder: Path) -> None:
    header = bytes([0, 0, 8, 3]) + np.array([2**32 - 1, 28, 28], ">u4").tobytes()
    (folder / "t10k-images-idx3-ubyte.gz").write_bytes(gzip.compress(header))


def _write_torchvision(folder: Path) -> None:
    """Write files whose checksums torchvision does not know, so that damaged ones are opened."""
    folder = folder / "sets"
    raw, images = folder / "MNIST" / "raw", np.random.default_rng(0).integers(256, size=(20, 28, 28), dtype=np.uint8)
    raw.mkdir(parents=True)
    for split in ("train", "t10k"):
        (raw / f"{split}-images-idx3-ubyte").write_bytes(_idx(images))
        (raw / f"{split}-labels-idx1-ubyte").write_bytes(_idx(np.arange(20, dtype=np.uint8) % 10))
    for place, (pixels, suffix) in enumerate(zip(_PIXELS, ("png", "jpg", "bmp", "gif", "tiff", "webp"), strict=True)):
        pets = folder / "pets" / ("cat" if place % 2 else "dog")
        pets.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(pets / f"{place}.{suffix}")
    rows = [f"{label + 1} " + " ".join(f"{k}:{label / 10}" for k in range(1, 257)) for label in range(10)]
    (folder / "usps.bz2").write_bytes(bz2.compress("".join(f"{row} \n" for row in rows).encode()))


def _read_torchvision(folder: Path) -> None:
    sets = folder / "sets"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a damaged index is written again, with a warning
        for name, root in (("MNIST", sets), ("USPS", sets), ("ImageFolder", sets / "pets")):
            TorchvisionDataset(name, root).images(torch.arange(2))


def _write_index(folder: Path) -> None:
    _write_torchvision(folder)
    _read_torchvision(folder)


def _write_toys(folder: Path) -> None:
    factors = _TOYS.factors(torch.arange(len(_TOYS))).numpy().astype("<i4")
    for chunk, instance in zip(SMALL_NORB_CHUNKS, (0, 1), strict=True):
        category, elevation, azimuth, lighting, toy = factors[factors[:, 4] == instance].T
        info = np.stack([toy, elevation, 2 * azimuth, lighting], axis=1)
        images = np.random.default_rng(0).integers(256, size=(len(toy), 2, 96, 96), dtype=np.uint8)
        for name, array in (("dat", images), ("cat", category), ("info", info)):
            magic = 0x1E3D4C55 if array.dtype == np.uint8 else 0x1E3D4C54
            sizes = [*array.shape, 1, 1][: max(3, array.ndim)]
            content = struct.pack(f"<{2 + len(sizes)}I", magic, array.ndim, *sizes) + array.tobytes()
            (folder / f"{chunk}-{name}.mat.gz").write_bytes(gzip.compress(content, 1))


def _read_toys(folder: Path) -> None:
    SmallNORB(folder, storage="memory", factor_space=_TOYS).images(torch.arange(2))


def _write_cars(folder: Path) -> None:
    with tarfile.open(folder / "cars.tar.gz", "w:gz", compresslevel=1) as archive:
        for name in ("car_1", "car_2"):
            file = io.BytesIO()
            savemat(file, {"im": np.full((128, 128, 3, 2, 1), 9, np.uint8)}, do_compression=True)
            _add(archive, f"data/cars/{name}.mat", file.getvalue())
        _add(archive, "data/cars/list.txt", b"car_1\ncar_2\n")


def _add(archive: tarfile.TarFile, name: str, content: bytes) -> None:
    member = tarfile.TarInfo(name)
    member.size = len(content)
    archive.addfile(member, io.BytesIO(content))


def _read_cars(folder: Path) -> None:
    Cars3D(folder / "cars.tar.gz", "memory", _CARS).images(torch.arange(2))


def _another_mat(version: str) -> Corruption:
    def write(folder: Path) -> None:
        file = io.BytesIO()
        savemat(file, {"im": {"a": np.zeros(3)}, "x": np.array([["a"]], object)})
        content = file.getvalue() if version == "5" else b"MATLAB 7.3 MAT-file".ljust(124) + b"\0\2IM"
        with tarfile.open(folder / "cars.tar.gz", "w:gz") as archive:
            _add(archive, "data/cars/car_1.mat", content)

    return write


def _tar_bomb(kind: bytes) -> Corruption:
    """Return a function that writes an archive with one member of four gigabytes of zeros."""

    def write(folder: Path) -> None:
        member = tarfile.TarInfo("data/cars/car_1.mat" if kind == tarfile.REGTYPE else "x")
        member.size, member.type = 4 << 30, kind
        block, deflate = bytes(1 << 20), zlib.compressobj(9, zlib.DEFLATED, 31)
        packed = [deflate.compress(member.tobuf(tarfile.GNU_FORMAT)) + deflate.flush(zlib.Z_FULL_FLUSH)]
        packed += [deflate.compress(block) + deflate.flush(zlib.Z_FULL_FLUSH)] * 4096
        (folder / "cars.tar.gz").write_bytes(b"".join(packed))

    return write


def _write_sprites(folder: Path) -> None:
    classes = _SPRITES.factors(torch.arange(len(_SPRITES))).numpy()
    sprites = np.random.default_rng(0).integers(2, size=(len(_SPRITES), 64, 64), dtype=np.uint8)
    with h5py.File(folder / "sprites.hdf5", "w") as file:
        file.create_dataset("imgs", data=sprites, chunks=(2, 32, 32), compression="gzip")
        file["latents/classes"] = classes
        file.attrs["rendered"], file.attrs["renderer_version"] = True, 1
    np.savez_compressed(folder / "sprites.npz", imgs=sprites, latents_classes=classes)


def _read_sprites(folder: Path) -> None:
    for name in ("sprites.hdf5", "sprites.npz"):
        DSprites(folder / name, "memory", _SPRITES).images(torch.arange(2))


def _write_cache(folder: Path) -> None:
    _write_npz_set(folder)
    _prepare(folder)


# --- checkpoints -----------------------------------------------------------------------------------------------------

_RUN = Path(__file__).parents[1] / "tests" / "fixtures" / "runs" / "beta_vae"


def _write_run(folder: Path) -> None:
    shutil.copytree(_RUN, folder / "runs" / _RUN.name)  # where its config expects it


def _validate_run(folder: Path) -> int | None:
    return _command("validate", str(folder / "runs" / _RUN.name))


def _resume_run(folder: Path) -> int | None:
    config = str(folder / "runs" / _RUN.name / "config.yaml")
    return _command("fit", "--config", config, "--ckpt_path", "last", "--trainer.max_epochs", "3")


def _command(*arguments: str) -> int | None:
    from lr_lightning.cli import main

    try:
        main(list(arguments))
    except SystemExit as exit_:
        return int(exit_.code or 0)
    return 0


def _other_state(edit: Callable[[dict[str, object]], None], name: str = "best") -> Corruption:
    def write(folder: Path) -> None:
        path = folder / "runs" / _RUN.name / "checkpoints" / f"{name}.ckpt"
        checkpoint = torch.load(path, weights_only=True)
        edit(checkpoint)
        torch.save(checkpoint, path)

    return write


def _without(name: str) -> Iterator[Corruption]:
    for key in torch.load(_RUN / "checkpoints" / f"{name}.ckpt", weights_only=True):
        yield _other_state(lambda checkpoint, key=key: checkpoint.pop(key), name)  # type: ignore[misc]
        yield _other_state(lambda checkpoint, key=key: checkpoint.update({key: "?"}), name)  # type: ignore[misc]


KINDS = (
    Kind(
        "npz",
        _write_codes,
        _score,
        "*.npz",
        imports=True,
        malicious=(
            _codes((10**12, 2)),
            _codes((10**30, 2)),
            _codes((-1, 2)),
            _codes("(" * 3000),
            _codes((4, 4), "|O"),
            _codes((4, 4), compression=zipfile.ZIP_BZIP2),
            _codes((4, 4), compression=zipfile.ZIP_LZMA),
            _encrypted,
            _zip_bomb(15),
            _zip_bomb(8),
        ),
    ),
    Kind(
        "yaml",
        _write_npz_set,
        _info,
        "*.yaml",
        text=True,
        malicious=(
            *(
                _yaml(f"name: bars\nfactors: {{{factors}}}\nimages: images.npz\n")
                for factors in ("a: 1000000000000", f"a: {'9' * 26}", "a: [.nan, 1]", "a: [1e-4, 1E-4]", "a: [[[]]]")
            ),
            _yaml("[" * 3000),
            _yaml("{a: " * 3000),
            _yaml('name: "\\ud800"\nfactors: {a: 6}\nimages: images.npz\n'),
            _yaml("name: bars\nfactors: {a: 6}\nimages: \ud800\n"),
            _yaml(_nested_aliases("name")),
            _yaml(_nested_aliases("q").replace("a: &a [x]", "a: &a {x: y}")),
            _yaml(f"name: &x [*x]\nfactors: *x\nimages: {'x' * 300}\n"),
            _yaml("name: b\nimages: images.npz\nfactors:\n" + "".join(f"  a{i}: 1000000\n" for i in range(60_000))),
        ),
    ),
    Kind("csv", _write_picture_set, _prepare, "*.csv", text=True),
    Kind("images.npz", _write_npz_set, _prepare, "*.npz", malicious=(_zip_bomb(8, "images.npy", "images.npz"),)),
    Kind("h5", _write_h5_set, _prepare, "*.h5", malicious=(_h5_claim,)),
    Kind(
        "folder",
        _write_picture_set,
        _prepare,
        "images/*",
        malicious=(
            _special(os.mkfifo),
            _special(Path.mkdir),
            _special(lambda path: path.symlink_to("/dev/zero")),
            _special(lambda path: path.symlink_to(path)),
            _special(_png_bomb),
            _special(_postscript),
            _special(os.mkfifo, "labels.csv"),
        ),
    ),
    Kind(
        "photographs",
        _write_photographs,
        _read_photographs,
        "*/*",
        malicious=(
            _special(os.mkfifo, "trip/3.gif"),
            _special(lambda path: path.symlink_to("/"), "trip/3.gif"),
            _special(_png_bomb, "trip/3.gif"),
            _special(Path.touch, "trip/3.gif"),
            _special(_animation, "trip/3.gif"),
        ),
    ),
    Kind("idx", _write_digits, _read_digits, "*", malicious=(_idx_bomb, _idx_claim)),
    Kind(
        "torchvision",
        _write_torchvision,
        _read_torchvision,
        "sets/**/*",
        malicious=(
            _special(_png_bomb, "sets/pets/cat/3.gif"),
            _special(Path.touch, "sets/pets/cat/3.gif"),
            _special(Path.mkdir, "sets/pets/cat/3.gif"),
        ),
    ),
    Kind("index", _write_index, _read_torchvision, "**/*.index.npz"),
    Kind("mat", _write_toys, _read_toys, "*"),
    Kind(
        "tar",
        _write_cars,
        _read_cars,
        "*",
        malicious=(
            _another_mat("5"),
            _another_mat("7.3"),
            *(
                _tar_bomb(kind)
                for kind in (tarfile.REGTYPE, tarfile.XHDTYPE, tarfile.GNUTYPE_LONGNAME, tarfile.DIRTYPE)
            ),
        ),
    ),
    Kind("dsprites", _write_sprites, _read_sprites, "*"),
    Kind("cache", _write_cache, _prepare, "*/*.rows"),
    Kind(
        "ckpt",
        _write_run,
        _validate_run,
        "runs/*/checkpoints/best.ckpt",
        malicious=tuple(_without("best")),
        imports=True,
    ),
    Kind(
        "ckpt resumed",
        _write_run,
        _resume_run,
        "runs/*/checkpoints/last.ckpt",
        malicious=tuple(_without("last")),
        imports=True,
    ),
)
