"""The parts of a training step, against what their papers say they are."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import replace
from pathlib import Path

import hypothesis.strategies as st
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from PIL import Image
from torch import nn
from torch.nn import functional

from ghostdeploy.datasets.dataset import DataSet, MappedImages
from ghostdeploy.model import Model, Weights
from ghostdeploy.preprocessing import Preprocessing
from ghostdeploy.progress import SILENT
from ghostdeploy.training.images import _Batches, augmentation, training_batches
from ghostdeploy.training.objective import Objective, mixing
from ghostdeploy.training.optimiser import optimiser
from ghostdeploy.training.randomness import Use, seed_of
from ghostdeploy.training.recipe import AugmentationPart, DataPart, DistillationPart, OptimisationPart, Recipe
from ghostdeploy.training.schedule import scheduler
from ghostdeploy.training.teacher import KeptAnswers, Teacher, teacher
from ghostdeploy.training_errors import DataUnusable
from tests.small_training import recipe
from tests.tiny import factory

LOGITS = st.lists(st.floats(-8, 8), min_size=6, max_size=6).map(lambda values: torch.tensor(values).reshape(2, 3))
LABELS = torch.tensor([0, 2])


def pixels(count: int) -> MappedImages:
    generator = np.random.default_rng(0)
    return MappedImages(generator.integers(0, 255, (count, 32, 32, 3), dtype=np.uint8), np.arange(count) % 2)


@given(logits=LOGITS, teacher=LOGITS, alpha=st.floats(0, 1), temperature=st.floats(0.5, 8))
def test_the_loss_is_the_papers(logits: torch.Tensor, teacher: torch.Tensor, alpha: float, temperature: float) -> None:
    """(1 - alpha) CE + alpha T^2 KL, the divergence written out."""
    loss = Objective(0.0, DistillationPart("t", alpha, temperature))(logits, LABELS, teacher)
    p, q = (torch.softmax(values.double() / temperature, 1) for values in (teacher, logits))
    divergence = (p * (p.log() - q.log())).sum(1).mean()
    entropy = -torch.log_softmax(logits.double(), 1)[torch.arange(2), LABELS].mean()
    wanted = (1 - alpha) * entropy + alpha * temperature ** 2 * divergence
    assert float(loss) == pytest.approx(float(wanted), rel=1e-4, abs=1e-4)


@given(logits=LOGITS, teacher=LOGITS)
def test_with_alpha_1_labels_do_not_matter_and_a_student_like_its_teacher_is_done(logits: torch.Tensor,
                                                                                 teacher: torch.Tensor) -> None:
    only = Objective(0.1, DistillationPart("t", 1.0, 2.0))
    assert float(only(logits, LABELS, teacher)) == float(only(logits, 1 - LABELS.clamp(max=1), teacher))
    assert float(only(teacher, LABELS, teacher)) == pytest.approx(0, abs=1e-5)


@pytest.mark.parametrize(("part", "wanted"), [
    (OptimisationPart(10, 8, 1.0, warmup_epochs=2, warmup_lr=0.0, min_lr=0.0),
     {0: 0.0, 10: 0.5, 20: 0.5 * (1 + math.cos(math.pi * 0.2)), 50: 0.5, 100: 0.0}),
    (OptimisationPart(10, 8, 1.0, schedule="step", decay_epochs=2, decay_rate=0.5),
     {0: 1.0, 19: 1.0, 20: 0.5, 99: 0.0625}),
    (OptimisationPart(10, 8, 1.0, schedule="step", decay_epochs=2, decay_rate=0.5, warmup_epochs=1, warmup_lr=0.0),
     {0: 0.0, 5: 0.5, 10: 1.0, 20: 0.5, 99: 0.0625}),
    (OptimisationPart(10, 8, 1.0, schedule="constant"), {0: 1.0, 99: 1.0})])
def test_the_schedule_by_hand(part: OptimisationPart, wanted: dict[int, float]) -> None:
    """Ten epochs of ten steps; asked in any order, since it has no state."""
    optimiser = torch.optim.SGD(nn.Linear(1, 1).parameters(), part.lr)
    schedule = scheduler(optimiser, part, 10)
    for step, rate in reversed(wanted.items()):
        schedule.step_update(step)
        assert optimiser.param_groups[0]["lr"] == pytest.approx(rate, abs=1e-9)


def test_biases_and_norms_do_not_decay() -> None:
    module = nn.Sequential(nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4), nn.Linear(4, 2))
    groups = optimiser(module, OptimisationPart(1, 8, 0.1, beta1=0.8, weight_decay=0.3, clip=2.0)).param_groups
    decay = {parameter: group["weight_decay"] for group in groups for parameter in group["params"]}
    assert [decay[parameter] for parameter in module.parameters()] == [0.3, 0, 0, 0, 0.3, 0]
    assert {(group["betas"], group["max_grad_norm"]) for group in groups} == {((0.8, 0.999), 2.0)}


def test_a_teacher_sees_what_it_was_trained_on() -> None:
    """The student's inputs, normalised for the teacher; kept answers are those to the images asked for."""
    pixels_, theirs = torch.rand(4, 3, 8, 8), Preprocessing(8, 1.0, mean=(0.1, 0.2, 0.3), std=(0.5, 0.25, 2.0))
    module = nn.Sequential(nn.Flatten(), nn.Linear(192, 2))
    model = Model(module, "m", Weights("random"), theirs, classes=2)

    def normalised(mean: tuple[float, ...], std: tuple[float, ...]) -> torch.Tensor:
        return (pixels_ - torch.tensor(mean).reshape(3, 1, 1)) / torch.tensor(std).reshape(3, 1, 1)

    part = recipe().data
    answers = Teacher(model, recipe(), torch.device("cpu"))(normalised(part.mean, part.std), torch.arange(4))
    assert torch.allclose(answers, module(normalised(theirs.mean, theirs.std)), atol=1e-5)
    assert torch.equal(KeptAnswers(answers)(pixels_, torch.tensor([2, 0])), answers[[2, 0]])


def test_any_module_can_teach(tmp_path: Path) -> None:
    """One that no card describes, by its factory."""
    torch.save(factory().state_dict(), tmp_path / "t.pth")
    data = DataSet("d", tuple("abcdefg"), pixels(30), pixels(4), "x")
    settings = (f"distillation.teacher={tmp_path / 't.pth'}", "distillation.model=tests.tiny:factory")
    made = teacher(recipe(*settings), data, torch.device("cpu"), SILENT)
    assert made is not None
    assert made(torch.zeros(2, 3, 32, 32), torch.arange(2)).shape == (2, 7)
    with pytest.raises(DataUnusable, match="has 7 classes, d 2"):
        teacher(recipe(*settings), replace(data, classes=("a", "b")), torch.device("cpu"), SILENT)


def small(count: int, batch: int, epochs: int = 2) -> Recipe:
    return recipe(f"optimisation.batch={batch}", f"optimisation.epochs={epochs}")


@settings(max_examples=50)
@given(count=st.integers(4, 40), batch=st.integers(1, 8), processes=st.integers(1, 4), data=st.data())
def test_an_epoch_sees_each_image_once_and_can_begin_anywhere(count: int, batch: int, processes: int,
                                                              data: st.DataObject) -> None:
    """Processes share a batch between them; a run that goes on sees what is left, in the same order."""
    batch = min(batch, count)
    split, wanted, per_epoch = pixels(count), small(count, batch), count // batch
    whole = list(_Batches(split, wanted, 0, 0, 1))
    assert len(whole) == 2 * per_epoch
    for epoch in range(2):
        seen = Counter(number for step in whole[epoch * per_epoch:(epoch + 1) * per_epoch] for _, number in step)
        assert len(seen) == per_epoch * batch
        assert max(seen.values()) == 1
    first = data.draw(st.integers(0, 2 * per_epoch))
    assert list(_Batches(split, wanted, first, 0, 1)) == whole[first:]
    shared = [list(_Batches(split, wanted, 0, rank, processes)) for rank in range(processes)]
    for step, together in enumerate(whole):
        assert sorted(place for one in shared for place in one[step]) == sorted(together)


def test_an_image_is_augmented_alike_whoever_loads_it() -> None:
    """The same with no, one and two processes, and from the middle; another in each epoch."""
    split, wanted = pixels(16), small(16, 8)
    whole = [images for images, _, _ in training_batches(split, wanted, 0, workers=0)]
    for workers in (1, 2):
        again = [images for images, _, _ in training_batches(split, wanted, 0, workers=workers)]
        assert all(torch.equal(one, other) for one, other in zip(whole, again, strict=True))
    later = [images for images, _, _ in training_batches(split, wanted, 3, workers=0)]
    assert len(later) == 1
    assert torch.equal(later[0], whole[3])
    assert not any(torch.equal(whole[0][row], whole[1][row]) for row in range(8))


@pytest.mark.parametrize("crop", ["resized", "padded", "none"])
@pytest.mark.parametrize("auto", ["", "rand-m9-mstd0.5-inc1", "original"])
def test_every_augmentation_gives_inputs_of_the_size(crop: str, auto: str) -> None:
    part = AugmentationPart(crop=crop, auto=auto, erasing=1.0, colour_jitter=0.4)      # type: ignore[arg-type]
    augment = augmentation(part, DataPart("-", 48))
    made = augment(Image.fromarray(np.asarray(pixels(1).pixels[0])))
    assert made.shape == (3, 48, 48)
    assert made.dtype == torch.float32


def test_without_augmentation_an_image_is_only_resized_and_normalised() -> None:
    augment = augmentation(AugmentationPart(crop="none", flip=0.0), DataPart("-", 32, crop=1.0))
    image = Image.fromarray(np.asarray(pixels(1).pixels[0]))
    values = torch.from_numpy(np.asarray(image, np.float32) / 255).permute(2, 0, 1)
    mean, std = (torch.tensor(numbers).reshape(3, 1, 1) for numbers in ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)))
    assert torch.allclose(augment(image), (values - mean) / std, atol=1e-6)


def test_mixed_targets_are_shares() -> None:
    mix = mixing(AugmentationPart(mixup=0.8, cutmix=1.0), OptimisationPart(1, 4, 0.1), 3)
    assert mix is not None
    _, shares = mix(torch.randn(4, 3, 8, 8), torch.tensor([0, 1, 2, 0]))
    assert torch.allclose(shares.sum(1), torch.ones(4))
    loss = Objective(0.0, None)(torch.randn(4, 3), shares)
    assert loss.ndim == 0
    assert mixing(AugmentationPart(), OptimisationPart(1, 4, 0.1), 3) is None


def test_label_smoothing_is_not_applied_twice() -> None:
    logits, shares = torch.randn(2, 3), functional.one_hot(LABELS, 3).float()
    assert float(Objective(0.3, None)(logits, shares)) == pytest.approx(float(functional.cross_entropy(logits, LABELS)))


def test_seeds_of_different_uses_and_places_differ() -> None:
    seeds = {seed_of(run, use, *where) for run in range(3) for use in Use for where in ((0, 0), (0, 1), (1, 0), (1, 1))}
    assert len(seeds) == 3 * len(Use) * 4


def test_a_limited_set_is_always_the_same_part() -> None:
    whole = DataSet("d", ("a", "b"), pixels(30), pixels(4), "x")
    some, again = whole.limited(10), whole.limited(10)
    assert len(some.train.labels) == 10
    assert np.array_equal(some.train.labels, again.train.labels)
    assert some.identity != whole.identity
    assert whole.limited(0) is whole
    assert whole.limited(30) is whole
