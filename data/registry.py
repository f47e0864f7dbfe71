"""The known data sets: what they hold, and where their files come from."""

from dataclasses import replace
from difflib import get_close_matches

from lr_lightning.data.data_set_record import DataSetRecord, PublicFile
from lr_lightning.data.drawing.dsprites_factors import DSPRITES_FACTORS, DSPRITES_VALUE_NAMES
from lr_lightning.data.drawing.shapes3d_factors import SHAPES3D_FACTORS, SHAPES3D_VALUE_NAMES
from lr_lightning.data.factor_space import FactorSpace
from lr_lightning.data.sets.cars3d import CARS3D_FACTORS
from lr_lightning.data.sets.mpi3d import (
    MPI3D_COMPLEX_FACTORS,
    MPI3D_COMPLEX_VALUE_NAMES,
    MPI3D_FACTORS,
    MPI3D_VALUE_NAMES,
)
from lr_lightning.data.sets.small_norb import (
    SMALL_NORB_CHUNKS,
    SMALL_NORB_FACTORS,
    SMALL_NORB_GRID,
    SMALL_NORB_VALUE_NAMES,
)

__all__ = ["CATALOGUE", "DataSetRecord", "PublicFile", "find_record"]

_DIGITS = FactorSpace(["label"], [10])
_CLOTHES = (
    "T-shirt/top",
    "trouser",
    "pullover",
    "dress",
    "coat",
    "sandal",
    "shirt",
    "sneaker",
    "bag",
    "ankle boot",
)
_DSPRITES_FILE = "dsprites_ndarray_co1sh3sc6or40x32y32_64x64.hdf5"
_CARS3D_FILE = "nips2015-analogy-data.tar.gz"
_MPI3D_BUCKET = "https://storage.googleapis.com/mpi3d_disentanglement_dataset/data"
_MPI3D_AUTHORS = "https://huggingface.co/datasets/waleedgondal/mpi3d/resolve/main"


def _mpi3d(variant: str, title: str, url: str, md5: str | None, mirrors: tuple[str, ...] = ()) -> DataSetRecord:
    complex_ = variant == "real_complex"
    space = MPI3D_COMPLEX_FACTORS if complex_ else MPI3D_FACTORS
    path = f"mpi3d_{variant}.npz"
    return DataSetRecord(
        name=f"mpi3d_{variant}",
        title=f"MPI3D: an object held by a robot arm, {title}",
        class_path="lr_lightning.data.MPI3D",
        num_samples=len(space),
        image_shape=(3, 64, 64),
        factor_space=space,
        license="CC-BY-4.0",
        files=(PublicFile(path, url, md5, mirrors),),
        path=path,
        options={"variant": variant},
        value_names=MPI3D_COMPLEX_VALUE_NAMES if complex_ else MPI3D_VALUE_NAMES,
    )


def _small_norb_files(chunk: str, checks: dict[str, tuple[str, int]]) -> tuple[PublicFile, ...]:
    names = {kind: f"{chunk}-{kind}.mat.gz" for kind in checks}
    folder = "https://cs.nyu.edu/~ylclab/data/norb-v1.0-small"
    return tuple(
        PublicFile(f"small_norb/{names[kind]}", f"{folder}/{names[kind]}", md5, size=size)
        for kind, (md5, size) in checks.items()
    )


def _dsprites_variant(variant: str, title: str) -> DataSetRecord:
    return DataSetRecord(
        name=f"{variant}_dsprites",
        title=f"dSprites {title}, made on the fly from a seed",
        class_path=f"lr_lightning.data.{variant.title()}DSprites",
        num_samples=len(DSPRITES_FACTORS),
        image_shape=(3, 64, 64),
        factor_space=DSPRITES_FACTORS,
        license="MIT, or zlib/libpng of the public sprites",
        value_names=DSPRITES_VALUE_NAMES,
        sprites="dsprites",
    )


def _digits(
    name: str,
    title: str,
    terms: str,
    mirrors: tuple[str, ...],
    checks: dict[str, tuple[str, int]],
    names: tuple[str, ...] = (),
) -> DataSetRecord:
    files = []
    for file, (md5, size) in checks.items():
        url, *others = (f"{mirror}/{file}.gz" for mirror in mirrors)
        files.append(PublicFile(f"{name}/{file}.gz", url, md5, tuple(others), size))
    return DataSetRecord(
        name=name,
        title=title,
        class_path="lr_lightning.data.MNIST",
        num_samples=70_000,
        image_shape=(1, 32, 32),
        factor_space=_DIGITS,
        license=terms,
        files=tuple(files),
        path=name,
        path_argument="root",
        options={"split": "all", "name": name},
        value_names={"label": names} if names else {},
    )


CATALOGUE = (
    DataSetRecord(
        name="shapes3d",
        title="3DShapes: an object in a room",
        class_path="lr_lightning.data.Shapes3D",
        num_samples=len(SHAPES3D_FACTORS),
        image_shape=(3, 64, 64),
        factor_space=SHAPES3D_FACTORS,
        license="Apache-2.0",
        files=(
            PublicFile(
                "3dshapes.h5",
                "https://storage.googleapis.com/3d-shapes/3dshapes.h5",
                "099a2078d58cec4daad0702c55d06868",
            ),
        ),
        path="3dshapes.h5",
        value_names=SHAPES3D_VALUE_NAMES,
        twin="rendered_shapes3d",
    ),
    DataSetRecord(
        name="rendered_shapes3d",
        title="3DShapes, rendered anew: no file needed, but not the published images",
        class_path="lr_lightning.data.RenderedShapes3D",
        num_samples=len(SHAPES3D_FACTORS),
        image_shape=(3, 64, 64),
        factor_space=SHAPES3D_FACTORS,
        license="MIT",
        value_names=SHAPES3D_VALUE_NAMES,
        rendered_path="rendered_3dshapes.h5",
        twin="shapes3d",
    ),
    DataSetRecord(
        name="dsprites",
        title="dSprites: a white sprite on black",
        class_path="lr_lightning.data.DSprites",
        num_samples=len(DSPRITES_FACTORS),
        image_shape=(1, 64, 64),
        factor_space=DSPRITES_FACTORS,
        license="zlib/libpng",
        files=(
            PublicFile(
                _DSPRITES_FILE,
                f"https://raw.githubusercontent.com/google-deepmind/dsprites-dataset/master/{_DSPRITES_FILE}",
                "b331c4447a651c44bf5e8ae09022e230",
            ),
        ),
        path=_DSPRITES_FILE,
        value_names=DSPRITES_VALUE_NAMES,
        twin="rendered_dsprites",
    ),
    DataSetRecord(
        name="rendered_dsprites",
        title="dSprites, drawn anew: no file needed, but not the published images",
        class_path="lr_lightning.data.RenderedDSprites",
        num_samples=len(DSPRITES_FACTORS),
        image_shape=(1, 64, 64),
        factor_space=DSPRITES_FACTORS,
        license="MIT",
        value_names=DSPRITES_VALUE_NAMES,
        rendered_path="rendered_dsprites.h5",
        twin="dsprites",
    ),
    _dsprites_variant("color", "in random colors"),
    _dsprites_variant("noisy", "on noise"),
    replace(
        _dsprites_variant("scream", "on Munch's The Scream"),
        # disentanglement_lib fetches the same photograph, of which nobody has published a checksum
        files=(
            PublicFile("scream.jpg", "https://upload.wikimedia.org/wikipedia/commons/f/f4/The_Scream.jpg", md5=None),
        ),
        path="scream.jpg",
        path_argument="picture",
    ),
    _mpi3d(
        "toy",
        "rendered simply",
        f"{_MPI3D_BUCKET}/mpi3d_toy.npz",
        "55889cb7c7dfc655d6e0277beee88868",
        mirrors=(f"{_MPI3D_AUTHORS}/mpi3d_toy.npz",),
    ),
    _mpi3d(
        "realistic",
        "rendered realistically",
        f"{_MPI3D_BUCKET}/mpi3d_realistic.npz",
        "59a6225b88b635365f70c91b3e52f70f",
        mirrors=(f"{_MPI3D_AUTHORS}/mpi3d_realistic.npz",),
    ),
    _mpi3d(
        "real",
        "photographed",
        f"{_MPI3D_BUCKET}/real.npz",  # the bucket's name, other than those of toy and realistic
        "0f33f609918fb5c97996692f91129802",
        mirrors=(f"{_MPI3D_AUTHORS}/mpi3d_real.npz",),
    ),
    _mpi3d(
        "real_complex",
        "photographed with everyday objects",
        "https://drive.usercontent.google.com/download?id=1Tp8eTdHxgUMtsZv5uAoYAbJR1BOa_OQm&export=download&confirm=t",
        md5=None,
    ),
    DataSetRecord(
        name="cars3d",
        title="Cars3D: car models from all sides",
        class_path="lr_lightning.data.Cars3D",
        num_samples=len(CARS3D_FACTORS),
        image_shape=(3, 64, 64),
        factor_space=CARS3D_FACTORS,
        license="not stated",
        files=(
            PublicFile(
                _CARS3D_FILE, f"http://www.scottreed.info/files/{_CARS3D_FILE}", "4e866a7919c1beedf53964e6f7a23686"
            ),
        ),
        path=_CARS3D_FILE,
    ),
    DataSetRecord(
        name="small_norb",
        title="SmallNORB: toys in grey; ten toys of a category are a nuisance, or a factor",
        class_path="lr_lightning.data.SmallNORB",
        num_samples=len(SMALL_NORB_GRID),
        image_shape=(1, 64, 64),
        factor_space=SMALL_NORB_FACTORS,
        license="for research, not to be sold",
        files=(
            *_small_norb_files(
                SMALL_NORB_CHUNKS[0],
                {
                    "dat": ("66054832f9accfe74a0f4c36a75bc0a2", 131_896_188),
                    "cat": ("23c8b86101fbf0904a000b43d3ed2fd9", 348),
                    "info": ("51dee1210a742582ff607dfd94e332e3", 71_052),
                },
            ),
            *_small_norb_files(
                SMALL_NORB_CHUNKS[1],
                {
                    "dat": ("e4ad715691ed5a3a5f138751a4ceb071", 130_799_817),
                    "cat": ("5aa791cd7e6016cf957ce9bdb93b8603", 347),
                    "info": ("a9454f3864d7fd4bb3ea7fc3eb84924e", 10_428),
                },
            ),
        ),
        path="small_norb",
        path_argument="root",
        value_names=SMALL_NORB_VALUE_NAMES,
    ),
    _digits(
        "mnist",
        "MNIST: handwritten digits",
        "CC-BY-SA-3.0",
        mirrors=(
            "https://ossci-datasets.s3.amazonaws.com/mnist",
            "https://storage.googleapis.com/cvdf-datasets/mnist",
        ),
        checks={  # MD5 and bytes
            "train-images-idx3-ubyte": ("f68b3c2dcbeaaa9fbdd348bbdeb94873", 9_912_422),
            "train-labels-idx1-ubyte": ("d53e105ee54ea40749a09fcbcd1e9432", 28_881),
            "t10k-images-idx3-ubyte": ("9fb629c4189551a2d022fa330f9573f3", 1_648_877),
            "t10k-labels-idx1-ubyte": ("ec29112dd5afa0611ce80d1b7f02629c", 4_542),
        },
    ),
    _digits(
        "fashion_mnist",
        "Fashion-MNIST: articles of clothing, in the files of MNIST",
        "MIT",
        mirrors=(
            "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com",
            "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion",
        ),
        checks={  # MD5 and bytes
            "train-images-idx3-ubyte": ("8d4fb7e6c68d591d4c3dfef9ec88bf0d", 26_421_880),
            "train-labels-idx1-ubyte": ("25c81989df183df01b3e8a0aad5dffbe", 29_515),
            "t10k-images-idx3-ubyte": ("bef4ecab320f06d8554ea6380940ec79", 4_422_102),
            "t10k-labels-idx1-ubyte": ("bb300cfdad3c16e7a12a480ee83cd310", 5_148),
        },
        names=_CLOTHES,
    ),
    DataSetRecord(
        name="double_helix",
        title="Points on two intertwined helices, generated from a seed",
        class_path="lr_lightning.data.DoubleHelix",
        num_samples=1024,
        image_shape=(3,),
        factor_space=FactorSpace(["strand"], [2]),
        license="MIT",
    ),
)


def find_record(name: str) -> DataSetRecord:
    """Return the record of set ``name``.

    Raises:
        KeyError: If there is none; the message lists the names and suggests the nearest.
    """
    names = [record.name for record in CATALOGUE]
    if name in names:
        return CATALOGUE[names.index(name)]
    near = get_close_matches(name, names, n=1, cutoff=0.5)
    suggestion = f" (did you mean {near[0]}?)" if near else ""
    raise KeyError(f"no data set {name!r}{suggestion}; the data sets are {', '.join(names)}")
