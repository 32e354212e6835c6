"""Instructions that one inference retires on an arm64 CPU, counted under qemu in the runtimes that phones get.

A proxy, and always called that: instructions, not time. It knows no cache, no issue width, no clock, and is good for
what latency on a noisy x86 machine is bad for: choosing between two forms of a graph for ARM, and catching a
regression exactly.

    python -m ghostdeploy.device.arm_instructions FILE... [--cpu NAME] [--half] [--attribute]
"""

from ghostdeploy.device.arm_instructions.attribute import Attribution, Place, attribute
from ghostdeploy.device.arm_instructions.count import Instructions, count

__all__ = ["Attribution", "Instructions", "Place", "attribute", "count"]
