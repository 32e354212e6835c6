"""What app developers get: artifacts, a manifest, golden files, labels and a card, in one directory."""

from ghostdeploy.bundle.reader import Artifact, Bundle, Golden, open_bundle
from ghostdeploy.bundle.staging import check_target, staged

__all__ = ["Artifact", "Bundle", "Golden", "check_target", "open_bundle", "staged"]
