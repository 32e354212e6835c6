"""One run while it runs: the only place where training state changes."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import Tensor, nn

from ghostdeploy.datasets.dataset import DataSet
from ghostdeploy.progress import SILENT, Progress
from ghostdeploy.training import log, state, weights_file
from ghostdeploy.training.depthwise import quicken
from ghostdeploy.training.devices import accelerator
from ghostdeploy.training.form import training_form
from ghostdeploy.training.images import evaluation_batches, example, preprocessing, steps_per_epoch, training_batches
from ghostdeploy.training.objective import Objective, mixing, right
from ghostdeploy.training.optimiser import optimiser
from ghostdeploy.training.randomness import Use, seed_of, set_seeds
from ghostdeploy.training.recipe import Recipe
from ghostdeploy.training.schedule import scheduler
from ghostdeploy.training.teacher import teacher
from ghostdeploy.training_errors import ResumeMismatch, TrainingDiverged

WEIGHTS = "model.safetensors"
HALF_WEIGHTS = "model.fp16.safetensors"


@dataclass(frozen=True)
class Trained:
    """A run that ended, or was asked to stop (`step` < `steps`). Shares of test images named right, 0 to 1.

    `weights` holds the average in training form; None before the first look at the test images.
    """

    directory: Path
    weights: Path | None
    step: int
    steps: int
    top1_raw: float | None
    top1_ema: float | None


@dataclass(frozen=True)
class Moment:
    """Where a run stands after a step. `loss` is the mean since the last row of the log, `left` in seconds."""

    step: int
    steps: int
    epoch: int
    loss: float
    lr: float
    images_per_second: float
    left: float


Watch = Callable[[Moment], None]


@dataclass
class _Meter:
    """Loss and speed since the last row of the log."""

    losses: list[float] = field(default_factory=list)
    images: int = 0
    seconds: float = 0.0

    def add(self, loss: float, images: int, seconds: float) -> None:
        self.losses.append(loss)
        self.images, self.seconds = self.images + images, self.seconds + seconds

    @property
    def loss(self) -> float:
        return sum(self.losses) / len(self.losses) if self.losses else math.nan

    @property
    def speed(self) -> float:
        return self.images / self.seconds if self.seconds else math.nan


class Trainer:
    """What a run holds while it runs."""

    def __init__(self, recipe: Recipe, data: DataSet, directory: Path, workers: int | None, progress: Progress,
                 watch: Watch) -> None:
        from timm.utils import ModelEmaV3

        self.recipe, self.data, self.directory, self.workers = recipe, data, directory, workers
        self.identity = state.digest(recipe, data.identity)
        self.accelerator = accelerator(recipe)
        main = self.accelerator.is_main_process
        self.progress: Progress = progress if main else SILENT
        self.watch: Watch = watch if main else lambda _: None
        module = training_form(recipe.model, len(data.classes), example(data.train, recipe), recipe.run.seed)
        self.module: nn.Module = quicken(module).to(self.accelerator.device).to(  # type: ignore[call-overload]
            memory_format=torch.channels_last)
        self.average = ModelEmaV3(self.module, recipe.average.decay, use_warmup=recipe.average.warmup)
        self.model, self.optimiser = self.accelerator.prepare(self.module, optimiser(self.module, recipe.optimisation))
        self.per_epoch = steps_per_epoch(data.train, recipe)
        self.steps = self.per_epoch * recipe.optimisation.epochs
        self.schedule = scheduler(self.optimiser, recipe.optimisation, self.per_epoch)
        self.mix = mixing(recipe.augmentation, recipe.optimisation, len(data.classes))
        self.objective = Objective(recipe.optimisation.label_smoothing, recipe.distillation)
        self.teacher = teacher(recipe, data, self.accelerator.device, self.progress)
        self.step, self.meter, self.saved = 0, _Meter(), time.monotonic()
        self.rows: list[log.Row] = []

    def restore(self, found: state.State) -> None:
        """Go on from `found`.

        Raises:
            ResumeMismatch: another number of processes made it: each normalises its own part of a batch.
        """
        if found.processes != self.accelerator.num_processes:
            raise ResumeMismatch(
                f"the run was begun with {found.processes} processes, not {self.accelerator.num_processes}",
                "each normalises its own part of a batch, so their number is part of what a run computes",
                f"go on with --processes {found.processes}, or start over in another directory (-o)")
        self.module.load_state_dict(found.model)
        self.average.module.load_state_dict(found.average)
        self.optimiser.load_state_dict(found.optimiser)
        self.step, self.rows = found.step, list(found.rows)
        torch.set_num_threads(found.threads)
        if self.accelerator.scaler is not None:
            self.accelerator.scaler.load_state_dict(found.scaler)

    def go(self, deadline: float | None) -> Trained:
        batches = training_batches(self.data.train, self.recipe, self.step, self.accelerator.process_index,
                                   self.accelerator.num_processes, self.workers)
        self.progress.stage(f"train {self.recipe.name}")
        started = time.monotonic()
        for images, labels, numbers in batches:
            loss = self._advance(images, labels, numbers)
            now = time.monotonic()
            self.meter.add(loss, self.recipe.optimisation.batch, now - started)
            self._tell()
            looks = self.step % (self.per_epoch * self.recipe.run.evaluate_every) == 0 or self.step == self.steps
            out_of_time = deadline is not None and self._any(now > deadline)
            due = self._any(now - self.saved > 60 * self.recipe.run.save_minutes)
            saves = out_of_time or due or self.step == self.steps
            if looks or saves:
                self._check_answers()
            if looks:
                self._look()
            if saves:
                self._save()
            if out_of_time:
                break
            started = time.monotonic()
        last = self.rows[-1] if self.rows else {}
        weights = self.directory / WEIGHTS
        return Trained(self.directory, weights if weights.exists() else None, self.step, self.steps,
                       last.get("top1_raw"), last.get("top1_ema"))

    def _advance(self, images: Tensor, labels: Tensor, numbers: Tensor) -> float:
        """One step; its loss.

        Raises:
            TrainingDiverged: the loss is no finite number. Weights and average are left as they were.
        """
        self.schedule.step_update(self.step)
        set_seeds(seed_of(self.recipe.run.seed, Use.STEP, self.step, self.accelerator.process_index))
        device = self.accelerator.device
        inputs, targets = images.to(device), labels.to(device)
        if self.mix is not None:
            inputs, targets = self.mix(inputs, targets)
        self.seen = inputs = inputs.contiguous(memory_format=torch.channels_last)
        with self.accelerator.autocast():
            answers = None if self.teacher is None else self.teacher(inputs, numbers).float()
            loss = self.objective(self.model(inputs).float(), targets, answers)
        value = float(loss.detach())
        if self._any(not math.isfinite(value)):
            raise self._diverged(f"the loss of step {self.step} is {value}")
        self.accelerator.backward(loss)
        clip = self.recipe.optimisation.clip
        if clip and self.recipe.optimisation.optimiser != "lamb":
            self.accelerator.clip_grad_norm_(self.model.parameters(), clip)
        self.optimiser.step()
        self.optimiser.zero_grad()
        self.step += 1
        self.average.update(self.module, step=self.step)
        return value

    def _any(self, here: bool) -> bool:
        """Does one of the processes say so? All do the same then: one that stopped would leave the others waiting."""
        if self.accelerator.num_processes == 1:
            return here
        told = self.accelerator.reduce(torch.tensor(float(here), device=self.accelerator.device), "sum")
        return bool(told > 0)

    def _diverged(self, what: str) -> TrainingDiverged:
        kept = self.directory / state.FILE
        return TrainingDiverged(
            what, "usually the learning rate is too high for the batch",
            (f"the last good state is {kept}; " if kept.exists() else "nothing was saved yet; ")
            + "begin again with a lower optimisation.lr, or a longer warm-up")

    def _tell(self) -> None:
        speed = self.meter.speed
        left = (self.steps - self.step) * self.recipe.optimisation.batch / speed
        self.watch(Moment(self.step, self.steps, (self.step - 1) // self.per_epoch + 1, self.meter.loss,
                          self.optimiser.param_groups[0]["lr"], speed, left))

    def _look(self) -> None:
        """Test raw and averaged weights, log it, and write the averaged ones as users get them."""
        ours = self.accelerator
        batches = evaluation_batches(self.data.test, preprocessing(self.recipe.data), ours.process_index,
                                     ours.num_processes)
        self.module.eval()
        counts = right((self.module, self.average.module), batches, ours.device).to(ours.device)
        self.module.train()
        raw, averaged = (count / len(self.data.test.labels) for count in ours.reduce(counts, "sum").tolist())
        epoch = self.step // self.per_epoch
        row = {"step": self.step, "epoch": epoch, "lr": self.optimiser.param_groups[0]["lr"],
               "loss": round(self.meter.loss, 5), "top1_raw": raw, "top1_ema": averaged,
               "images_per_second": round(self.meter.speed, 1), "seconds": round(self.meter.seconds, 1)}
        self.rows.append(row)
        self.progress.note(f"epoch {epoch} of {self.recipe.optimisation.epochs}: loss {row['loss']:.4f}, "
                           f"top-1 {raw:.2%} raw, {averaged:.2%} averaged, {row['images_per_second']} images/s")
        self.meter = _Meter()
        if self.accelerator.is_main_process:
            log.write(self.directory, self.rows)
            for name, half in ((WEIGHTS, False), (HALF_WEIGHTS, True)):
                weights_file.write(self.directory / name, self.average.module.state_dict(), self.recipe, self.data,
                                   half=half, step=self.step, steps=self.steps, top1=averaged)

    def _check_answers(self) -> None:
        """Before anything is written over what was sound; the next loss would say it too late.

        Raises:
            TrainingDiverged: the weights or their average give no numbers any more.
        """
        self.module.eval()
        with torch.no_grad():
            sound = all(bool(module(self.seen).isfinite().all()) for module in (self.module, self.average.module))
        self.module.train()
        if self._any(not sound):
            raise self._diverged(f"after step {self.step} the model answers with no finite numbers")

    def _save(self) -> None:
        if self.accelerator.is_main_process:
            state.save(self.directory, state.State(
                self.step, self.module.state_dict(), self.average.module.state_dict(), self.optimiser.state_dict(),
                tuple(self.rows), torch.get_num_threads(), self.accelerator.num_processes,
                {} if self.accelerator.scaler is None else self.accelerator.scaler.state_dict()), self.identity)
        self.saved = time.monotonic()
