"""What one row of the ledger says."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One network: what its paper prints, and what was counted.

    Errors are in percent. `top1_err` and `top5_err` follow the row's `protocol`; a name that ends
    in `_1crop`, `_10crop`, `_320` (one crop of 320 pixels) or `_noaug` (trained on the images as
    they are) carries its own. `macs` are multiply-accumulates of convolutions and
    linear layers for one image; norms, pools, activations and fixed targets are not in it.

    Args:
        family: the module in `cladenet.models`; in a file it is the file's name.
        aliases: other names that the field has for it; `find` and `create_model` know them too.
        input: channels, height and width of the input that `macs` is for.
        params: trainable values with `classes` classes.
        params_cifar100: the same with 100 classes, where a paper has both.
        params_with_aux: trainable values with the auxiliary classifiers of training.
        train_params: where the network of training is another than the inference network, which
            `params` and `macs` count.
        train_macs: of the same.
        exits_params: of a network with exits, what the network up to each of them holds.
        exits_macs: what it costs to come to each exit, the exits before it included.
        recipe: name in `cladenet.recipes.RECIPES` of the paper's training; empty if none is known.
        figures: where the printed errors were read; "memory" says that they were not.
        reference: the independent implementation that was counted.
        release: how the authors' release differs from the network here, and the argument that
            builds it so; empty where it does not.
        verified: about params and macs. run: the reference was built and counted; derived: built
            from the paper and counted; read; memory.
    """

    name: str
    family: str
    paper: str
    first_author: str
    arxiv: str
    year: int
    month: int
    input: tuple[int, int, int]
    classes: int
    params: int
    macs: int
    verified: str
    layers: tuple[str, ...]
    aliases: tuple[str, ...] = ()
    params_cifar100: int | None = None
    macs_cifar100: int | None = None
    params_with_aux: int | None = None
    train_params: int | None = None
    train_macs: int | None = None
    exits_params: tuple[int, ...] = ()
    exits_macs: tuple[int, ...] = ()
    paper_params: str = ""
    paper_flops: str = ""
    shortcut: str = ""
    stride_on: str = ""
    top1_err: float | None = None
    top5_err: float | None = None
    top1_err_1crop: float | None = None
    top5_err_1crop: float | None = None
    top1_err_10crop: float | None = None
    top5_err_10crop: float | None = None
    top1_err_320: float | None = None
    top5_err_320: float | None = None
    cifar10_err: float | None = None
    cifar100_err: float | None = None
    cifar10_err_noaug: float | None = None
    cifar100_err_noaug: float | None = None
    svhn_err: float | None = None
    recipe: str = ""
    protocol: str = ""
    figures: str = ""
    reference: str = ""
    release: str = ""
    notes: str = ""

    def macs_at(self, height: int, width: int) -> int:
        """About the multiply-accumulates of an image of another size, by its area."""
        return self.macs * height * width // (self.input[1] * self.input[2])

    @property
    def printed(self) -> str:
        """The printed errors in short: "22.85 / 6.71", top-1 and top-5; empty without any."""
        errors = self._printed()[0]
        return " / ".join(str(error) for error in errors if error is not None)

    @property
    def printed_for(self) -> str:
        """What `printed` was measured on: the first part of the protocol; empty without any."""
        errors, crops = self._printed()
        doubt = "from memory: " if self.figures.startswith("memory") else ""
        return doubt + crops + self.protocol.split("; ")[0] if errors else ""

    def _printed(self) -> tuple[tuple[float | None, ...], str]:
        candidates = (
            ((self.top1_err, self.top5_err), ""),
            ((self.cifar10_err,), ""),
            ((self.cifar100_err,), ""),
            ((self.cifar10_err_noaug,), ""),
            ((self.cifar100_err_noaug,), ""),
            ((self.svhn_err,), ""),
            ((self.top1_err_1crop, self.top5_err_1crop), "1 crop, "),
            ((self.top1_err_10crop, self.top5_err_10crop), "10 crops, "),
            ((self.top1_err_320, self.top5_err_320), "1 crop of 320, "),
        )
        return next((found for found in candidates if found[0][0] is not None), ((), ""))
