"""Where the public data sets can be had: every file with its mirrors, in the order they are tried.

Sizes and SHA-256 sums of the annotation archives are those that several public repositories give for the archived
originals; the MD5 sum of the images is COCO's. ReferItGame's sums are of the text release that this project
was checked against. gRefCOCO's annotations are those of its authors' public repository; Ref-ZOM's and R-RefCOCO's
lie in folders of file hosts, which no plain address reaches.
"""

from dataclasses import dataclass
from urllib.parse import quote

_UNC = "https://bvisionweb1.cs.unc.edu/licheng/referit/data"
_ARCHIVE = "https://web.archive.org/web"
_COPIES = "https://huggingface.co/datasets/jxu124/refcoco/resolve/main"
_GREFCOCO = "https://huggingface.co/datasets/FudanCVL/gRefCOCO/resolve"
_GREFCOCO_REVISION = "81eede59b3ac070049f597d023c0ff08d1fb80e9"
_REFERIT = "~ronghang/projects/cvpr16_text_obj_retrieval/referitdata.tar.gz"
_REFERIT_TEXT = "https://raw.githubusercontent.com/ronghanghu/text_objseg/be664d66c72319363691628958727124ea38cad8"


@dataclass(frozen=True)
class Download:
    """One file to fetch, and what it brings."""

    name: str
    """As it is called on every mirror, and by users who have it already."""
    urls: tuple[str, ...]
    """Tried in this order."""
    provides: tuple[str, ...]
    """Paths below the data folder that are there once it is unpacked."""
    folder: str = ""
    """Below the data folder: where an archive is unpacked, or a plain file put."""
    size: int | None = None
    """Bytes, where known."""
    checksum: str | None = None
    """`sha256:...` or `md5:...`, where known."""
    page: str = ""
    """Where a person gets it, where no address gives the file itself."""


def _refer(name: str, snapshot: str, size: int, sha256: str, refs: tuple[str, ...]) -> Download:
    file = f"{name}.zip"
    return Download(
        name=file,
        urls=(f"{_UNC}/{file}", f"{_ARCHIVE}/{snapshot}id_/{_UNC}/{file}", f"{_COPIES}/{file}"),
        provides=(f"{name}/instances.json", *(f"{name}/{each}" for each in refs)),
        size=size,
        checksum=f"sha256:{sha256}",
    )


_REFCOCO = _refer(
    "refcoco",
    "20220413011718",
    53_993_993,
    "7f924bb7ed8dc4568058e4ff626281918d56e5206f4c868c5a80f088f38c8bf0",
    ("refs(unc).p",),
)
_REFCOCO_PLUS = _refer(
    "refcoco+",
    "20220413011656",
    45_613_210,
    "5f1238112d63199e68da54a28f201471909b21ded7ed79a57d51b4c1443c6b45",
    ("refs(unc).p",),
)
_REFCOCOG = _refer(
    "refcocog",
    "20220413012904",
    56_712_951,
    "3d1f7e5b2ff2205940bf59de55f861f5f2cc1403fb980669933a7f9af1aa8211",
    ("refs(google).p", "refs(umd).p"),
)
_COCO_TRAIN2014 = Download(
    name="train2014.zip",
    urls=(
        "http://images.cocodataset.org/zips/train2014.zip",
        "https://huggingface.co/datasets/omlab/VLM-R1/resolve/main/train2014.zip",
    ),
    provides=("images/train2014",),
    folder="images",
    size=13_510_573_713,
    checksum="md5:0da8c0bd3d6becc4dcb32757491aca88",
)
_COCO_VAL2014 = Download(
    name="val2014.zip",
    urls=("http://images.cocodataset.org/zips/val2014.zip", "https://pjreddie.com/media/files/val2014.zip"),
    provides=("images/val2014",),
    folder="images",
    size=6_645_013_297,
    checksum="md5:a3d79f5ed8d289b7a7554ce06a5782b3",
)
_GREFCOCO_FILES = tuple(
    Download(
        name=name,
        urls=tuple(f"{_GREFCOCO}/{revision}/{quote(name)}" for revision in (_GREFCOCO_REVISION, "main")),
        provides=(f"grefcoco/{name}",),
        folder="grefcoco",
        page="https://github.com/henghuiding/gRefCOCO",
    )
    for name in ("grefs(unc).json", "instances.json")
)
_REF_ZOM_FILES = tuple(
    Download(
        name=name,
        urls=(),
        provides=(f"ref-zom/{name}",),
        folder="ref-zom",
        page="https://github.com/toggle1995/RIS-DMMI",
    )
    for name in ("refs(final).p", "instances.json")
)
_ROBUST_FILES = {
    name: tuple(
        Download(
            name=file,
            urls=(),
            provides=(f"{folder}/{file}",),
            folder=folder,
            page="https://github.com/jianzongwu/robust-ref-seg",
        )
        for file in (refs, "instances.json")
    )
    for name, folder, refs in (
        ("r-refcoco", "rrefcoco", "refs(unc).p"),
        ("r-refcoco+", "rrefcoco+", "refs(unc).p"),
        ("r-refcocog", "rrefcocog", "refs(umd).p"),
    )
}
_REFERIT_PICTURES = Download(
    name="referitdata.tar.gz",
    urls=(
        f"https://people.eecs.berkeley.edu/{_REFERIT}",
        f"https://www.eecs.berkeley.edu/{_REFERIT}",
        f"{_ARCHIVE}/2018id_/http://www.eecs.berkeley.edu/{_REFERIT}",
    ),
    provides=("images", "mask"),
)
_REFERIT_SUMS = {
    "referit_query_train.json": "70c9e6dd170c1cddbb345a765864d4e7da2f6dabff213973367d588ac28e20a6",
    "referit_query_val.json": "efb5ba835d3d820f4ca29a702ba6ad5112ff0d23c14644f323015095e92a245d",
    "referit_query_trainval.json": "6dd3ce1e90c0885ae70f76e08e3f741bd6565937ccffb5a30efad284fc3949a3",
    "referit_query_test.json": "8ede8ab6f4853c5402aa7a1cedf8323f6c317d94085f765684db65f51857e464",
    "referit_imsize.json": "581f019ba6852e7f957e49026b35897c01adc0b37b8b41bf9a489a3f847bb1d1",
    "vocabulary_referit.txt": "937e1422fa991ee49a4c891981ccba6983e53031b809b8a596841e2b9c445c48",
}
_REFERIT_TEXTS = tuple(
    Download(
        name=name,
        urls=(
            f"{_REFERIT_TEXT}/exp-referit/data/{name}",
            f"{_ARCHIVE}/2024id_/{_REFERIT_TEXT}/exp-referit/data/{name}",
        ),
        provides=(name,),
        checksum=f"sha256:{sha256}",
    )
    for name, sha256 in _REFERIT_SUMS.items()
)

DOWNLOADS: dict[str, tuple[Download, ...]] = {
    "unc": (_REFCOCO, _COCO_TRAIN2014),
    "unc+": (_REFCOCO_PLUS, _COCO_TRAIN2014),
    "gref": (_REFCOCOG, _COCO_TRAIN2014),
    "gref-umd": (_REFCOCOG, _COCO_TRAIN2014),
    "referit": (*_REFERIT_TEXTS, _REFERIT_PICTURES),
    "grefcoco": (*_GREFCOCO_FILES, _COCO_TRAIN2014),
    "ref-zom": (*_REF_ZOM_FILES, _COCO_TRAIN2014, _COCO_VAL2014),
    **{name: (*files, _COCO_TRAIN2014) for name, files in _ROBUST_FILES.items()},
}
"""The files of each data set."""
