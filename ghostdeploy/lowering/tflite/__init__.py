"""The TFLite room: a fused ATen graph straight to an NHWC flatbuffer, without TensorFlow and without ONNX."""

from ghostdeploy.lowering.tflite.delegation import delegation
from ghostdeploy.lowering.tflite.lower import lower_tflite
from ghostdeploy.lowering.tflite.metadata import TfliteMetadata

__all__ = ["TfliteMetadata", "delegation", "lower_tflite"]
