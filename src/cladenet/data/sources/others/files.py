"""Files that hold images or labels in a way that is not read, and what to make of them."""

import os

from cladenet.data.images.decode import readable

ARCHIVES = (".zip", ".7z", ".rar", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz")
SHEETS = (".xlsx", ".xls", ".ods", ".numbers")
ARRAYS = (".npz", ".npy", ".mat", ".h5", ".hdf5", ".pkl", ".pickle")


def way_out(path: str) -> str:
    """What to do with a file that is no table of images; empty where nothing is known of its kind.

    The clause after "FILE is ".
    """
    name = path.lower()
    if name.endswith(ARCHIVES):
        shards = f", or give wds:{readable(path)} if it is in the WebDataset layout"
        return f"an archive: unpack it and give the folder{shards * ('.tar' in name)}"
    if name.endswith(SHEETS):
        return "a spreadsheet: save it as CSV with the columns path,label, and give that"
    if name.endswith(".parquet"):
        return f"a Parquet file: give parquet:{readable(path)}"
    if name.endswith(".json"):
        return "JSON: write a CSV with the columns path,label, or .jsonl with an object a line"
    if name.endswith(ARRAYS):
        return "a file of arrays: write each image as a PNG into a folder of its class"
    return ""


def archives_in(folder: str) -> list[str]:
    """Paths of the archives that lie in a folder."""
    names = sorted(os.listdir(folder))
    return [os.path.join(folder, name) for name in names if name.lower().endswith(ARCHIVES)]
