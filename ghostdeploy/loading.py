"""A checkpoint, or an architecture by name, as a model that can be exported: the verb `ghostdeploy.load`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor, nn

from ghostdeploy import zoo
from ghostdeploy.architecture import build, build_user, deployed, is_factory
from ghostdeploy.branching import reparam
from ghostdeploy.calling import call
from ghostdeploy.checkpoint.identify import Opened, identify, open_checkpoint
from ghostdeploy.checkpoint.note import Note
from ghostdeploy.checkpoint.structure import Difference, Shapes, is_counter, shapes
from ghostdeploy.checkpoint.unwrap import WeightsChoice, strippings
from ghostdeploy.checkpoint.values import check_kinds
from ghostdeploy.cost import macs
from ghostdeploy.errors import CheckpointMismatch, InputSizeRejected, UsageError, WeightsMissing
from ghostdeploy.model import Model, Weights
from ghostdeploy.preprocessing import Preprocessing
from ghostdeploy.trace import evaluating
from ghostdeploy.untrained import randomise_norms
from ghostdeploy.wording import first_sentence
from ghostdeploy.zoo import Card, FormName

SEED = 0
SHOWN = 3
IMAGENET_CLASSES = 1000


def load(checkpoint: str | Path | None = None, *, model: str | None = None, weights: WeightsChoice = "auto",
         random_weights: bool = False, input_size: int | None = None) -> Model:
    """A module in eval mode, float32, with what it is.

    Args:
        checkpoint: a `.pth`, `.pt`, `.pth.tar` or `.safetensors` file. Its architecture is recognised across the zoo.
        model: a card of the zoo, or `package.module:factory` for an architecture of your own.
        weights: which copy to take where a file holds both; `auto` takes the averaged (EMA) one.
        random_weights: no checkpoint, for latency only; `model` then says which architecture.
        input_size: side of the square input in pixels; the card's own by default (224 for your own architecture).

    Raises:
        UsageError, WeightsMissing: arguments that contradict each other, or no weights.
        UnknownModel, ModelFactoryError, InputSizeRejected, ExportFailed: about `model` and `input_size`.
        FileMissing, FileUnreadable, CheckpointFormat, CheckpointUnsafe, CheckpointContent, CheckpointMismatch,
        CheckpointUnrecognised: about `checkpoint`.
    """
    if checkpoint is not None and random_weights:
        raise UsageError("a checkpoint and --random-weights contradict each other", "", "leave one of them out")
    if random_weights and weights != "auto":
        raise UsageError(f"--weights {weights} and --random-weights contradict each other",
                         "--weights chooses between the copies inside a checkpoint", "leave one of them out")
    if checkpoint is None and not (random_weights and model):
        raise _nothing_to_load(model, random_weights)
    if checkpoint is None:
        assert model is not None
        return at_size(_random(model), input_size)
    named_card(model)    # a wrong name is cheaper to say before reading
    return at_size(load_opened(open_checkpoint(Path(checkpoint), weights), model), input_size)


def load_opened(opened: Opened, model: str | None = None) -> Model:
    """The module for weights that were read already; see `load`."""
    if model is not None and is_factory(model):
        return _load_user(opened, model)
    if opened.stored.note is not None:
        return _load_trained(opened, opened.stored.note, named_card(model))
    known = identify(opened, named_card(model))
    card, form = known.recognised.card, known.recognised.form
    module = build(card, known.recognised.classes)
    if form == "deployed":
        module = deployed(module)
    _fill(module, known.state, opened.stored.path)
    return Model(module, card.name, _origin(opened, form), card.preprocessing, known.recognised.classes, card, "card")


def _load_trained(opened: Opened, note: Note, wanted: Card | None) -> Model:
    """What our own training wrote, which says itself what it is."""
    path, card = opened.stored.path, zoo.card(note.card)
    if wanted is not None and wanted.name != card.name:
        raise CheckpointMismatch(f"{path} is not {wanted.name}", f"its training run says that it is {card.name}",
                                 "leave --model out")
    shape = note.branches
    module = reparam(build(card, len(note.classes)), torch.zeros(1, 3, *2 * (note.preprocessing.input_size,)),
                     branches=shape.copies, scale=shape.scale, identity=shape.identity, silent=False).module.eval()
    state = {key: value for key, value in opened.state.items() if not is_counter(key)}
    listed = _differences(shapes(state), shapes(module.state_dict()))
    if listed:
        raise CheckpointMismatch(f"the weights in {path} do not fit what it says of itself",
                                 f"first differences: {'; '.join(str(entry) for entry in listed[:SHOWN])}",
                                 "train again, or take the file as it was written")
    _fill(module, state, path)
    return Model(module, card.name, _origin(opened, "training" if shape.copies else "single"), note.preprocessing,
                 len(note.classes), card, "training", note.classes)


def named_card(model: str | None) -> Card | None:
    """The card that `--model` names; None where it names none, or a factory.

    Raises:
        UnknownModel: with the names most like it.
    """
    return None if model is None or is_factory(model) else zoo.card(model)


def _nothing_to_load(model: str | None, random_weights: bool) -> UsageError | WeightsMissing:
    if random_weights:
        return UsageError("--random-weights needs --model", "nothing else says which architecture", "add --model NAME")
    named = f" for {model}" if model else ""
    return WeightsMissing(f"no weights{named}: no checkpoint was given",
                          "an export without trained weights is good for latency only",
                          "give --checkpoint FILE, or --random-weights for a latency-only export")


def _random(model: str) -> Model:
    """An untrained module, the same each time."""
    card = named_card(model)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(SEED)
        module = randomise_norms(build_user(model).float() if card is None else build(card))
    if card is None:
        return Model(module, model.partition(":")[2], Weights("random"), Preprocessing())
    form = next(iter(card.forms))
    return Model(module, card.name, Weights("random", form=form), card.preprocessing, IMAGENET_CLASSES, card, "card")


def _load_user(opened: Opened, spec: str) -> Model:
    module = build_user(spec).float()
    wanted = shapes(module.state_dict())
    # Wrappers' prefixes come off only as far as the module's names need: one may be its own attribute.
    listed, state = min(((_differences(shapes(state), wanted), state) for state in strippings(opened.state)),
                        key=lambda pair: len(pair[0]))
    if listed:
        raise CheckpointMismatch(f"the weights in {opened.stored.path} do not fit {spec}",
                                 f"first differences: {'; '.join(str(entry) for entry in listed[:SHOWN])}",
                                 "let the factory build the module that the checkpoint was saved from")
    _fill(module, state, opened.stored.path)
    return Model(module, spec.partition(":")[2], _origin(opened, "single"), Preprocessing())


def _differences(found: Shapes, wanted: Shapes) -> list[Difference]:
    listed = [Difference(key, found.get(key), shape) for key, shape in wanted.items() if found.get(key) != shape]
    return listed + [Difference(key, shape, None) for key, shape in found.items() if key not in wanted]


def _fill(module: nn.Module, state: Mapping[str, Tensor], path: Path) -> None:
    """Copy weights in. Names and shapes were compared before; counters stay as built, since no inference reads them.

    Raises:
        CheckpointContent: `path` holds whole numbers where the module has weights, or the other way round.
    """
    built = module.state_dict()
    check_kinds(path, state, built)
    kept = {key: value for key, value in built.items() if is_counter(key)}
    module.load_state_dict({**{key: value for key, value in state.items() if not is_counter(key)}, **kept}, strict=True)


def _origin(opened: Opened, form: FormName) -> Weights:
    stored = opened.stored
    return Weights("checkpoint", stored.path.name, stored.sha256, opened.ema, form)


def at_size(model: Model, size: int | None) -> Model:
    """`model` for inputs of `size` x `size` pixels, if it can take them; as it is where `size` is None.

    The zoo's models are tried on the meta device, where it costs no time. Other modules are run once: one may hold
    tensors that are neither parameters nor buffers, which stay on the CPU.

    Raises:
        UsageError: `size` is not positive.
        InputSizeRejected: the module cannot take such images; in its own words.
        ExportFailed: it fails in a way that has nothing to do with sizes.
    """
    if size is None or (size == model.preprocessing.input_size and model.card is not None):
        return model
    if size < 1:
        raise UsageError(f"an input size of {size} is out of range", "", "give a side in pixels, e.g. 224")
    if model.card is not None and model.card.fixed_size:
        raise InputSizeRejected(f"{model.name} takes {model.preprocessing.input_size}x"
                                f"{model.preprocessing.input_size} images only", "its position embedding has that size",
                                "leave the input size out")
    if model.card is None:
        with evaluating(model.module), torch.no_grad():
            call(model.module, torch.zeros(1, 3, size, size))
    else:
        _try_on_meta(model, size)
    return replace(model, preprocessing=replace(model.preprocessing, input_size=size))


def _try_on_meta(model: Model, size: int) -> None:
    try:
        macs(model.module, torch.empty(1, 3, size, size, device="meta"))
    except Exception as error:    # what a forward pass raises is up to who wrote it
        raise InputSizeRejected(f"{model.name} cannot take {size}x{size} images", first_sentence(error),
                                f"its own size is {model.preprocessing.input_size}") from error
